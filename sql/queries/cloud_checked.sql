-- What the check said; seconds until the next.
SELECT sfa_cloud_checked_v1(%(account)s::text, %(user_id)s::integer, %(answers)s::jsonb, make_interval(secs => %(pause)s)) AS next
