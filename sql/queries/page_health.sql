-- The queues at a glance, with the workers seen in the last half minute; a count stops at 10,000.
SELECT q.name, q.concurrency, q.global_concurrency, q.paused OR q.breaker = 'open' AS paused, coalesce(q.paused_reason, q.breaker_why) AS paused_reason, ready.n AS ready, scheduled.n AS scheduled,
       (SELECT count(*) FROM leases l JOIN procrastinate_jobs j ON j.id = l.job_id WHERE j.queue_name = q.name) AS running,
       (SELECT count(*) FROM workers w WHERE w.queue_name = q.name AND w.seen_at > now() - interval '30 seconds') AS workers
FROM queues q
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NULL LIMIT 10000) capped) ready
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NOT NULL LIMIT 10000) capped) scheduled
ORDER BY q.name
