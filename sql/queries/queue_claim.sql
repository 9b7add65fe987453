-- As many ready jobs as there are free slots, each with its lease's token.
SELECT * FROM sfa_claim_v1(%(worker)s::bigint, %(queue)s::text, %(slots)s::integer, make_interval(secs => %(lease)s))
