-- What was done, minute by minute, and the queues at a glance.

-- How the attempts of a queue that ended in a minute have ended, and how many seconds they ran.
CREATE TABLE queue_statistics (
    queue_name text NOT NULL,
    minute timestamptz NOT NULL,
    completed integer NOT NULL,
    failed integer NOT NULL,
    retried integer NOT NULL,
    lost integer NOT NULL,
    cancelled integer NOT NULL,
    released integer NOT NULL,
    seconds double precision NOT NULL,
    PRIMARY KEY (queue_name, minute)
);
CREATE INDEX queue_statistics_minute_idx ON queue_statistics (minute);

-- The lowest id that an attempt which ended at that time or later may have: by halves over the primary key, for an index on
-- the time would cost every completion. Ids and times run together to within the half minute that it allows for.
CREATE FUNCTION sfa_attempts_since(_at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    low bigint := (SELECT min(id) FROM attempts);
    high bigint := (SELECT max(id) + 1 FROM attempts);
    middle bigint;
    found record;
BEGIN
    WHILE low < high LOOP
        middle := (low + high) / 2;
        SELECT id, ended_at INTO found FROM attempts WHERE id >= middle ORDER BY id LIMIT 1;
        IF found.id IS NULL OR found.ended_at >= _at - interval '30 seconds' THEN
            high := middle;
        ELSE
            low := found.id + 1;
        END IF;
    END LOOP;
    RETURN coalesce(low, 0);
END $$;

-- The same of jobs, by when they were enqueued: what ended before that time has a lower id. (A job of a long transaction,
-- with a higher one, is found as soon as the time has come for those around it.)
CREATE FUNCTION sfa_jobs_since(_at timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    low bigint := (SELECT min(id) FROM procrastinate_jobs);
    high bigint := (SELECT max(id) + 1 FROM procrastinate_jobs);
    middle bigint;
    found bigint;
BEGIN
    WHILE low < high LOOP
        middle := (low + high) / 2;
        SELECT id INTO found FROM procrastinate_jobs WHERE id >= middle ORDER BY id LIMIT 1;
        IF found IS NULL OR EXISTS (SELECT FROM procrastinate_events WHERE job_id = found AND type = 'deferred' AND at >= _at) THEN
            high := middle;
        ELSE
            low := found + 1;
        END IF;
    END LOOP;
    RETURN coalesce(low, 0);
END $$;

-- Reckons the minutes that are over and not reckoned yet, the last two once more (a long transaction may have ended since),
-- an hour back at most; how many rows were written.
CREATE FUNCTION sfa_statistics_v1() RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    since timestamptz := greatest((SELECT max(minute) - interval '2 minutes' FROM queue_statistics), date_trunc('minute', now()) - interval '1 hour');
    until timestamptz := date_trunc('minute', now());
    written integer;
BEGIN
    INSERT INTO queue_statistics
    SELECT j.queue_name, date_trunc('minute', a.ended_at),
           count(*) FILTER (WHERE a.verdict = 'completed'), count(*) FILTER (WHERE a.verdict = 'failed'), count(*) FILTER (WHERE a.verdict = 'retried'),
           count(*) FILTER (WHERE a.verdict = 'lost'), count(*) FILTER (WHERE a.verdict = 'cancelled'), count(*) FILTER (WHERE a.verdict = 'released'),
           sum(extract(epoch FROM a.ended_at - a.started_at))
    FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
    WHERE a.id >= sfa_attempts_since(since) AND a.ended_at >= since AND a.ended_at < until
    GROUP BY 1, 2
    ON CONFLICT (queue_name, minute) DO UPDATE SET completed = excluded.completed, failed = excluded.failed, retried = excluded.retried,
        lost = excluded.lost, cancelled = excluded.cancelled, released = excluded.released, seconds = excluded.seconds;
    GET DIAGNOSTICS written = ROW_COUNT;
    RETURN written;
END $$;

INSERT INTO schedules (name, cron, task_name) VALUES ('statistics', '*/5 * * * *', 'statistics');

-- waiting: may start now. held: follows another job. scheduled: later. oldest_wait: how long the job that was enqueued first
-- of those that may start now has been able to. Completed in the last minute and hour. short: how many wait for a resource
-- (20 at most), short_of: which. obstacle: why nothing of what may start does (paused, breaker, worker: there is none, trial:
-- the breaker lets one job through, limit: of all workers together, busy: every slot is taken, resource, lock); or NULL.
CREATE VIEW sfa_queues AS
    WITH recorded AS (
        SELECT max(minute) + interval '1 minute' AS upto FROM queue_statistics
    ), ended AS MATERIALIZED (
        SELECT j.queue_name, count(*) FILTER (WHERE a.ended_at > now() - interval '1 minute') AS minute,
               count(*) FILTER (WHERE a.ended_at >= coalesce(r.upto, a.ended_at)) AS hour
        FROM recorded r, attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
        WHERE a.verdict = 'completed' AND a.ended_at > now() - interval '1 hour'
          AND a.id >= (SELECT sfa_attempts_since(greatest(least(coalesce(upto, '-infinity'), now() - interval '1 minute'), now() - interval '1 hour')) FROM recorded)
        GROUP BY j.queue_name
    )
    SELECT q.name, q.concurrency, q.global_concurrency, q.paused OR q.breaker = 'open' AS paused,
           coalesce(q.paused_reason, q.breaker_why) AS paused_why, q.breaker, q.breaker_until,
           waiting.n AS waiting, held.n AS held, later.n AS scheduled,
           running.n AS running,
           now() - (SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = waiting.first AND e.at <= now()
                    AND e.type IN ('deferred', 'deferred_for_retry', 'retried', 'scheduled')) AS oldest_wait,
           coalesce(e.minute, 0) AS completed_last_minute,
           coalesce(e.hour, 0) + (SELECT coalesce(sum(s.completed), 0) FROM queue_statistics s
                                  WHERE s.queue_name = q.name AND s.minute > now() - interval '1 hour') AS completed_last_hour,
           staff.n AS workers, short.jobs AS short, short.names AS short_of,
           sfa_obstacle(q, waiting.n, running.n, staff.n, short.jobs) AS obstacle
    FROM queues q LEFT JOIN ended e ON e.queue_name = q.name
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, min(r.id) AS first FROM (
            SELECT id FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NULL AND lock IS NULL
            UNION ALL
            SELECT id FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL) r) waiting
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at = '9999-01-01 00:00+00') held
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM procrastinate_jobs WHERE queue_name = q.name AND status = 'todo' AND scheduled_at < '9999-01-01 00:00+00') later
    CROSS JOIN LATERAL (SELECT count(*) AS n FROM procrastinate_jobs j WHERE j.status = 'doing' AND j.queue_name = q.name) running
    CROSS JOIN LATERAL (SELECT count(*) AS n FROM workers w WHERE w.queue_name = q.name AND w.seen_at > now() - interval '30 seconds') staff
    CROSS JOIN LATERAL sfa_short(q.name) short;
