-- As many ready jobs as there are free slots, each with its lease's token; with "running" and "writing" the queue's limit counts.
SELECT * FROM sfa_claim_v1(%(worker)s::bigint, %(queue)s::text, %(slots)s::integer, make_interval(secs => %(lease)s), %(running)s::integer, %(writing)s::integer)
