-- What keeps crashing: jobs that have used up their crashes lie on a shelf, with the certificate of the last one, until
-- somebody sends them back; a kind that crashes on and on trips the breaker of its queue, and of no other.

-- Its last attempt crashed, and it has none left. Sent back singly: SELECT sfa_retry(job) FROM sfa_dead_letters WHERE …; in
-- bulk: SELECT sfa_retry_many(ARRAY(SELECT queue_job_id FROM sfa_dead_letters WHERE …)).
CREATE VIEW sfa_dead_letters AS
    SELECT coalesce(j.args ->> 'job_id', j.id::text) AS job, j.task_name AS kind, j.queue_name AS queue, a.ended_at AS died_at,
           sfa_crashes(j.id) AS crashes, a.error, a.worker, a.certificate, j.id AS queue_job_id
    FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
    WHERE a.verdict = 'lost' AND a.counted AND j.status = 'failed'
      AND NOT EXISTS (SELECT FROM attempts later WHERE later.job_id = a.job_id AND later.id > a.id);

-- A job crashed: the breaker trips where its kind has crashed breaker_crashes times within ten minutes, at as many
-- different moments (fifty jobs that go down with one worker are one, though their leases end one after the other: what was
-- lost with a worker is told by when that was last seen), two jobs at least, and none completed in between.
CREATE FUNCTION sfa_breaker_crashed(_job bigint, _error text) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    queue queues;
    kind text;
    since bigint;
    moments bigint;
    jobs bigint;
BEGIN
    SELECT task_name INTO kind FROM procrastinate_jobs WHERE id = _job;
    SELECT q.* INTO queue FROM queues q JOIN procrastinate_jobs j ON j.queue_name = q.name
    WHERE j.id = _job AND q.breaker_crashes IS NOT NULL FOR NO KEY UPDATE OF q;
    IF NOT FOUND OR queue.breaker = 'open' OR queue.breaker = 'half_open' AND queue.breaker_job IS DISTINCT FROM _job THEN
        RETURN;
    END IF;
    IF queue.breaker = 'half_open' THEN
        queue.breaker_why := format('%s crashed again when it was tried: %s', kind, coalesce(left(_error, 500), 'failed without saying why'));
    ELSE
        SELECT max(a.id) INTO since
        FROM (SELECT id, job_id, verdict FROM attempts ORDER BY id DESC LIMIT 5000) a JOIN procrastinate_jobs j ON j.id = a.job_id
        WHERE a.verdict = 'completed' AND j.task_name = kind;
        SELECT count(DISTINCT coalesce((a.certificate ->> 'last_seen')::timestamptz, a.ended_at)), count(DISTINCT a.job_id) INTO moments, jobs
        FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
        WHERE a.verdict = 'lost' AND a.ended_at > now() - interval '10 minutes' AND a.id > coalesce(since, 0) AND j.task_name = kind;
        IF moments < queue.breaker_crashes OR jobs < 2 THEN
            RETURN;
        END IF;
        queue.breaker_why := format('%s crashed %s times in a row: %s', kind, moments, coalesce(left(_error, 500), 'failed without saying why'));
    END IF;
    UPDATE queues SET breaker = 'open', breaker_job = NULL, breaker_trips = queue.breaker_trips + 1,
        breaker_until = now() + queue.breaker_pause * 2 ^ least(queue.breaker_trips, 5),
        breaker_why = queue.breaker_why
    WHERE name = queue.name;
END $$;

-- How many jobs may be claimed past a breaker that is not closed: none while it is open, one as a trial, and any number
-- (it closes) when the trial has ended other than by a crash. A trial that was given back or cancelled says nothing.
CREATE FUNCTION sfa_breaker_allows(_queue text) RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    queue queues;
    ended attempt_verdict;
BEGIN
    SELECT * INTO queue FROM queues WHERE name = _queue FOR NO KEY UPDATE;
    IF queue.breaker = 'closed' THEN
        RETURN 1000;
    ELSIF queue.breaker = 'open' THEN
        IF queue.breaker_until > now() THEN
            RETURN 0;
        END IF;
        UPDATE queues SET breaker = 'half_open', breaker_until = NULL, breaker_job = NULL WHERE name = _queue;
        RETURN 1;
    ELSIF queue.breaker_job IS NULL THEN
        RETURN 1;
    ELSIF EXISTS (SELECT FROM procrastinate_jobs WHERE id = queue.breaker_job AND status = 'doing') THEN
        RETURN 0;
    END IF;
    SELECT verdict INTO ended FROM attempts WHERE job_id = queue.breaker_job ORDER BY id DESC LIMIT 1;
    IF ended IN ('completed', 'failed', 'retried') THEN
        PERFORM sfa_breaker_reset(_queue);
        RETURN 1000;
    END IF;
    RETURN 1;
END $$;

-- Closes a queue's breaker by hand. False: it was closed.
CREATE FUNCTION sfa_breaker_reset(_queue text) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH closed AS (
        UPDATE queues SET breaker = 'closed', breaker_until = NULL, breaker_trips = 0, breaker_why = NULL, breaker_job = NULL
        WHERE name = _queue AND breaker <> 'closed' RETURNING name
    )
    SELECT EXISTS (SELECT FROM closed)
$$;
