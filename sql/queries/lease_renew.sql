-- The worker lives, in our table and in Procrastinate's: a row without a job (none: somebody buried it). And what it
-- still holds, with what somebody asked to stop. One statement: where a round trip is long, two are too late.
WITH heartbeat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id),
seen AS (UPDATE workers SET seen_at = now() WHERE id = %(worker)s)
SELECT NULL::bigint AS job_id, NULL::uuid AS token, NULL::boolean AS cancel FROM heartbeat
UNION ALL
SELECT job_id, token, cancel FROM sfa_renew_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], make_interval(secs => %(lease)s))
