-- End an attempt, guarded by its token; not held: the lease is gone and nothing was written. What has become of the job.
SELECT held, next_status::text, extract(epoch FROM retry_in)::float AS retry_in
FROM sfa_finish_v1(%(job)s::bigint, %(token)s::uuid, %(verdict)s::attempt_verdict, %(error)s::text, %(error_kind)s::error_kind,
                   %(certificate)s::jsonb, make_interval(secs => %(retry_in)s), %(complete)s::boolean)
