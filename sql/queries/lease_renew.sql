-- What comes back is what is still held, and what somebody asked to stop.
SELECT job_id, token, cancel FROM sfa_renew_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], make_interval(secs => %(lease)s))
