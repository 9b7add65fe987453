-- The worker lives, in our table and in Procrastinate's; no row: somebody buried it.
WITH heartbeat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = %(worker)s RETURNING id),
seen AS (UPDATE workers SET seen_at = now() WHERE id = %(worker)s)
SELECT id FROM heartbeat
