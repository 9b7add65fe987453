-- End an attempt, guarded by its token; false: the lease is gone and nothing was written.
SELECT sfa_finish_v1(%(job)s::bigint, %(token)s::uuid, %(verdict)s::attempt_verdict, %(error)s::text, %(error_kind)s::error_kind,
                     %(certificate)s::jsonb, make_interval(secs => %(retry_in)s), %(complete)s::boolean) AS held,
       sfa_crashes(%(job)s::bigint) AS crashes
