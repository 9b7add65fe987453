-- The worker lives; what comes back is what it still holds, and what it was asked to stop.
SELECT job_id, token, cancel FROM sfa_renew_v1(%(worker)s::bigint, make_interval(secs => %(lease)s))
