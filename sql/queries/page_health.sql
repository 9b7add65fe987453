-- The queues at a glance, with the workers seen in the last half minute; a count stops at 10,000.
SELECT q.name, q.concurrency, q.global_concurrency, q.paused OR q.breaker = 'open' AS paused, coalesce(q.paused_reason, q.breaker_why) AS paused_reason,
       q.breaker, q.breaker_until, ready.n AS ready, scheduled.n AS scheduled, held.n AS held, running.n AS running, staff.n AS workers,
       short.jobs AS short, short.names AS short_of, sfa_obstacle(q, ready.n, running.n, staff.n, short.jobs) AS obstacle
FROM queues q
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NULL LIMIT 10000) capped) ready
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at < '9999-01-01 00:00+00' LIMIT 10000) capped) scheduled
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (
        SELECT FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at = '9999-01-01 00:00+00' LIMIT 10000) capped) held
CROSS JOIN LATERAL (SELECT count(*) AS n FROM leases l JOIN procrastinate_jobs j ON j.id = l.job_id WHERE j.queue_name = q.name) running
CROSS JOIN LATERAL (SELECT count(*) AS n FROM workers w WHERE w.queue_name = q.name AND w.seen_at > now() - interval '30 seconds') staff
CROSS JOIN LATERAL sfa_short(q.name) short
ORDER BY q.name
