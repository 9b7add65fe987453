-- How long the job that is next in each queue has been waiting, in seconds; no row: nothing waits.
SELECT q.name, extract(epoch FROM clock_timestamp() - e.at)::float8 AS seconds
FROM queues q
CROSS JOIN LATERAL (
    SELECT id FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NULL AND lock IS NULL
    ORDER BY -priority::bigint, id LIMIT 1) j
CROSS JOIN LATERAL (SELECT max(at) AS at FROM procrastinate_events WHERE job_id = j.id AND at <= clock_timestamp()) e
WHERE e.at IS NOT NULL
