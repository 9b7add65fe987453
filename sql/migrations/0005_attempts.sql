-- Claim, renew, finish, lose: how an attempt begins and ends. Every write is guarded by (job, token).

-- Where the last walk from lock to lock has stopped in a queue: the next one goes on there, so that every lock has its turn.
CREATE UNLOGGED TABLE lock_turns (
    queue_name text PRIMARY KEY,
    lock text NOT NULL
);

-- The first in line of up to _most locks that nobody holds: what may run next in a queue of jobs with locks. Looks at
-- the most urgent jobs, and only where those are many of few locks goes from lock to lock instead, so that a line of
-- 200,000 costs what one of two does.
CREATE FUNCTION sfa_lock_heads(_queue text, _most integer) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    urgent text[];
    free text[];
    far text[];
    start text;
BEGIN
    urgent := ARRAY(
        SELECT j.lock FROM procrastinate_jobs j
        WHERE j.status = 'todo' AND j.scheduled_at IS NULL AND j.lock IS NOT NULL AND j.queue_name = _queue
        ORDER BY -j.priority::bigint, j.id LIMIT 100 + _most);
    free := ARRAY(
        SELECT DISTINCT u.lock FROM unnest(urgent) u (lock)
        WHERE NOT EXISTS (SELECT FROM procrastinate_jobs held WHERE held.lock = u.lock AND held.status = 'doing'));
    IF cardinality(free) < _most AND cardinality(urgent) = 100 + _most THEN
        SELECT t.lock INTO start FROM lock_turns t WHERE t.queue_name = _queue FOR UPDATE SKIP LOCKED;
        far := ARRAY(SELECT sfa_lock_walk(_queue, coalesce(start, ''), _most));
        IF cardinality(far) < _most AND start <> '' THEN
            far := far || ARRAY(SELECT w FROM sfa_lock_walk(_queue, '', _most - cardinality(far)) w WHERE w <= start);
        END IF;
        IF far <> '{}' AND start IS NOT NULL THEN
            UPDATE lock_turns t SET lock = far[cardinality(far)] WHERE t.queue_name = _queue;
        ELSIF far <> '{}' THEN
            -- The first walk, or another one is under way and notes where it stops.
            INSERT INTO lock_turns VALUES (_queue, far[cardinality(far)]) ON CONFLICT DO NOTHING;
        END IF;
        free := free || far;
    END IF;
    RETURN QUERY
    SELECT head.id FROM (SELECT DISTINCT f.lock FROM unnest(free) f (lock)) f, LATERAL (
        SELECT j.id, j.queue_name FROM procrastinate_jobs j
        WHERE j.status = 'todo' AND j.scheduled_at IS NULL AND j.lock IS NOT NULL AND j.lock = f.lock
        ORDER BY -j.priority::bigint, j.id LIMIT 1) head
    WHERE head.queue_name = _queue;
END $$;

-- Up to _most locks of a queue that nobody holds, in the order of their names, after the given one.
CREATE FUNCTION sfa_lock_walk(_queue text, _after text, _most integer) RETURNS SETOF text LANGUAGE sql STABLE AS $$
    WITH RECURSIVE along (lock) AS (
        (SELECT lock FROM procrastinate_jobs
         WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL AND queue_name = _queue AND lock > _after
         ORDER BY lock LIMIT 1)
        UNION ALL
        SELECT (SELECT lock FROM procrastinate_jobs
                WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL AND queue_name = _queue AND lock > a.lock
                ORDER BY lock LIMIT 1)
        FROM along a WHERE a.lock IS NOT NULL
    )
    SELECT a.lock FROM along a
    WHERE a.lock IS NOT NULL AND NOT EXISTS (SELECT FROM procrastinate_jobs held WHERE held.lock = a.lock AND held.status = 'doing')
    LIMIT _most
$$;

-- As many ready jobs as there are free slots, in one statement; each comes back with its lease's token. With _running
-- (how many the worker runs already) the queue's own limit counts as well; four times as many may wait to be written. A statement a step: each sees what the
-- transactions before it have committed.
CREATE FUNCTION sfa_claim_v1(_worker bigint, _queue text, _slots integer, _lease interval, _running integer DEFAULT NULL, _writing integer DEFAULT 0)
RETURNS TABLE (job_id bigint, token uuid, task_name text, args jsonb, attempts integer, priority integer, lock text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    queue queues;
    free integer;
    heads bigint[];
    chosen bigint[];
    who text;
BEGIN
    SELECT * INTO queue FROM queues WHERE name = _queue;
    free := least(_slots, coalesce(queue.concurrency, 1) - _running, 5 * coalesce(queue.concurrency, 1) - _running - _writing);
    IF queue.paused OR free <= 0 THEN
        RETURN;
    END IF;
    IF queue.breaker <> 'closed' THEN
        free := least(free, sfa_breaker_allows(_queue));
        IF free <= 0 THEN
            RETURN;
        END IF;
    END IF;
    IF queue.global_concurrency IS NOT NULL THEN
        -- One claim of the queue at a time from here to the commit: what runs is counted, and nobody adds to it meanwhile.
        SELECT * INTO queue FROM queues WHERE name = _queue FOR NO KEY UPDATE;
        free := least(free, queue.global_concurrency - (
            SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing' AND queue_name = _queue));
        IF queue.paused OR free <= 0 THEN
            RETURN;
        END IF;
    END IF;
    IF EXISTS (SELECT FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL AND queue_name = _queue) THEN
        heads := ARRAY(SELECT sfa_lock_heads(_queue, free));
    END IF;
    IF queue.metered THEN
        chosen := sfa_fitting(_queue, _worker, free, heads);
    ELSIF heads IS NULL THEN
        chosen := ARRAY(
            SELECT id FROM procrastinate_jobs
            WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NULL AND queue_name = _queue
            ORDER BY -priority::bigint, id LIMIT free
            FOR UPDATE SKIP LOCKED);
    ELSE
        chosen := ARRAY(
            WITH plain AS (
                SELECT id, priority FROM procrastinate_jobs
                WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NULL AND queue_name = _queue
                ORDER BY -priority::bigint, id LIMIT free
                FOR UPDATE SKIP LOCKED
            ), locked AS (
                SELECT id, priority FROM procrastinate_jobs
                WHERE id = ANY (heads) AND status = 'todo' AND scheduled_at IS NULL
                FOR UPDATE SKIP LOCKED
            )
            SELECT id FROM (SELECT * FROM plain UNION ALL SELECT * FROM locked) ready ORDER BY -priority::bigint, id LIMIT free);
    END IF;
    IF chosen = '{}' THEN
        RETURN;
    END IF;
    IF NOT queue.metered THEN
        -- The first that needs anything may have come since the queue's row was read; it is among the chosen then.
        SELECT metered INTO queue.metered FROM queues WHERE name = _queue;
        IF queue.metered THEN
            chosen := sfa_fitting(_queue, _worker, free, heads);
            IF chosen = '{}' THEN
                RETURN;
            END IF;
        END IF;
    END IF;
    SELECT name || '@' || host INTO who FROM workers WHERE id = _worker;
    IF NOT FOUND THEN
        RETURN;  -- it was buried: it learns of it when it renews, and registers afresh
    END IF;
    IF queue.breaker <> 'closed' THEN
        UPDATE queues SET breaker_job = chosen[1] WHERE name = _queue AND breaker = 'half_open';
    END IF;
    RETURN QUERY
    WITH claimed AS (
        UPDATE procrastinate_jobs SET status = 'doing', worker_id = _worker
        WHERE id = ANY (chosen)
        RETURNING id, gen_random_uuid() AS token, task_name, args, attempts, priority, lock
    ), leased AS (
        INSERT INTO leases (job_id, token, worker_id, worker, expires_at, held)
        SELECT id, token, _worker, who, now() + _lease, CASE WHEN queue.metered THEN nullif(sfa_needs(id, task_name), '{}') END FROM claimed
    )
    SELECT id, token, task_name::text, args, attempts, priority, lock FROM claimed
    ORDER BY -priority::bigint, id;
END $$;

-- The same for one job that somebody else has set to 'doing' (Procrastinate's own worker). No row: it is leased already.
CREATE FUNCTION sfa_lease_v1(_job bigint, _worker bigint, _name text, _lease interval) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO leases (job_id, token, worker_id, worker, expires_at)
    SELECT id, gen_random_uuid(), _worker, _name, now() + _lease FROM procrastinate_jobs WHERE id = _job AND status = 'doing'
    ON CONFLICT DO NOTHING
    RETURNING token
$$;

-- Jobs whose time has come join the ready ones; the trigger wakes their queue.
CREATE FUNCTION sfa_promote_v1() RETURNS integer LANGUAGE sql AS $$
    WITH due AS (
        SELECT id FROM procrastinate_jobs
        WHERE status = 'todo' AND scheduled_at IS NOT NULL AND scheduled_at <= now()
        ORDER BY scheduled_at LIMIT 1000 FOR UPDATE SKIP LOCKED
    ), promoted AS (
        UPDATE procrastinate_jobs j SET scheduled_at = NULL FROM due WHERE j.id = due.id RETURNING j.id
    )
    SELECT count(*)::integer FROM promoted
$$;

-- The named leases are good for another while, late ones too: a lease that nobody has reaped is still its holder's.
-- Named by (job, token), not by worker: what a worker does not know of must run out. What comes back is what is
-- still held; anything else that the worker runs is somebody else's by now.
CREATE FUNCTION sfa_renew_v1(_jobs bigint[], _tokens uuid[], _lease interval)
RETURNS TABLE (job_id bigint, token uuid, cancel boolean) LANGUAGE sql AS $$
    WITH held AS (
        -- In the order of the jobs, as a batch of completions takes them (`sfa_ack_v1` of a sorted list): no deadlock.
        SELECT l.job_id, l.token FROM leases l JOIN unnest(_jobs, _tokens) AS mine (job_id, token) USING (job_id, token)
        ORDER BY l.job_id FOR NO KEY UPDATE OF l
    ), renewed AS (
        UPDATE leases l SET expires_at = now() + _lease FROM held
        WHERE l.job_id = held.job_id AND l.token = held.token
        RETURNING l.job_id, l.token
    )
    SELECT r.job_id, r.token, j.abort_requested FROM renewed r JOIN procrastinate_jobs j ON j.id = r.job_id
$$;

-- How often a job's worker or child died since it was last started afresh.
CREATE FUNCTION sfa_crashes(_job bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT count(*) FROM attempts WHERE job_id = _job AND counted AND verdict = 'lost' $$;

-- A job that goes back to 'todo' while another one waits under its queueing lock goes back without the lock:
-- the lock keeps new jobs from being queued, it must not keep an old one from being given back.
CREATE FUNCTION sfa_queueing_lock(_job bigint, _lock text, _status procrastinate_job_status) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN _status <> 'todo' OR NOT EXISTS (
        SELECT FROM procrastinate_jobs o WHERE o.queueing_lock = _lock AND o.status = 'todo' AND o.id <> _job) THEN _lock END
$$;

-- How long to wait after the _n-th error or crash of a job.
CREATE FUNCTION sfa_backoff(_base real, _n bigint, _slow boolean, kind job_kinds) RETURNS interval LANGUAGE sql VOLATILE AS $$
    SELECT make_interval(secs => least(kind.backoff_cap, _base * CASE WHEN _slow THEN 6 ELSE 1 END * kind.backoff_factor ^ least(greatest(_n, 1) - 1, 60))
                                 * (1 + kind.backoff_jitter * (2 * random() - 1)))
$$;

-- Ends an attempt. 'lost' (its child died) uses up a crash, not an attempt; 'retried' is a failure where no attempt is left.
-- Without _retry_in the kind says how long to wait. Not held: the lease is gone, so nothing was written and the caller's
-- transaction must roll back. What comes back: what has become of the job, and how long it waits.
-- A retry of a job that somebody cancelled meanwhile is a cancellation; one that was snoozed goes back and uses up nothing.
CREATE FUNCTION sfa_finish_v1(
    _job bigint, _token uuid, _verdict attempt_verdict, _error text, _error_kind error_kind, _certificate jsonb,
    _retry_in interval, _complete_queue_row boolean DEFAULT true,
    OUT held boolean, OUT next_status procrastinate_job_status, OUT retry_in interval
) LANGUAGE plpgsql AS $$
DECLARE
    verdict_now attempt_verdict := _verdict;
    lease leases;
    kind job_kinds;
    job procrastinate_jobs;
    crashes bigint;
BEGIN
    DELETE FROM leases WHERE job_id = _job AND token = _token RETURNING * INTO lease;
    held := FOUND;
    IF NOT held THEN
        RETURN;
    END IF;
    retry_in := _retry_in;
    IF lease.snooze IS NOT NULL AND _verdict IN ('retried', 'released', 'lost', 'cancelled') THEN
        verdict_now := 'released';
        retry_in := lease.snooze;
    ELSIF _verdict IN ('retried', 'released', 'lost') THEN
        SELECT * INTO job FROM procrastinate_jobs WHERE id = _job FOR UPDATE;
        SELECT * INTO kind FROM job_kinds WHERE task_name = job.task_name;
        IF job.abort_requested THEN
            verdict_now := 'cancelled';
        ELSIF _verdict = 'retried' AND job.attempts + 1 >= kind.max_attempts THEN
            verdict_now := 'failed';
        END IF;
    END IF;
    INSERT INTO attempts (job_id, token, worker, started_at, verdict, error, error_kind, certificate)
    VALUES (_job, _token, lease.worker, lease.acquired_at, verdict_now, _error, _error_kind, _certificate);
    next_status := CASE verdict_now WHEN 'completed' THEN 'succeeded' WHEN 'failed' THEN 'failed'
                                    WHEN 'cancelled' THEN 'aborted' ELSE 'todo' END;
    IF verdict_now = 'lost' THEN
        crashes := sfa_crashes(_job);
        IF crashes >= coalesce(kind.max_crashes, 5) THEN
            next_status := 'failed';
        END IF;
        retry_in := coalesce(retry_in, sfa_backoff(kind.crash_base, crashes, false, kind), interval '2 seconds');
        PERFORM sfa_breaker_crashed(_job, _error);
    ELSIF verdict_now = 'retried' THEN
        retry_in := coalesce(retry_in, sfa_backoff(kind.retry_base, job.attempts + 1, _error_kind = 'resource', kind), interval '5 seconds');
    END IF;
    IF _complete_queue_row THEN
        UPDATE procrastinate_jobs SET
            status = next_status,
            queueing_lock = sfa_queueing_lock(id, queueing_lock, next_status),
            attempts = attempts + (verdict_now IN ('completed', 'failed', 'retried'))::int,
            scheduled_at = CASE WHEN next_status = 'todo' AND retry_in > interval '0' THEN now() + retry_in END,
            abort_requested = false,
            worker_id = NULL
        WHERE id = _job AND status = 'doing';
    END IF;
END $$;

-- Completes many attempts at once; what comes back is what was held, the rest is somebody else's by now. In the order of
-- the lists, which is that of the jobs: a renewal takes their leases in the same.
CREATE FUNCTION sfa_ack_v1(_jobs bigint[], _tokens uuid[], _certificates jsonb[])
RETURNS TABLE (job_id bigint, token uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH ended AS (
        DELETE FROM leases l USING unnest(_jobs, _tokens, _certificates) AS given (job_id, token, certificate)
        WHERE l.job_id = given.job_id AND l.token = given.token
        RETURNING l.job_id, l.token, l.worker, l.acquired_at, given.certificate
    ), noted AS (
        INSERT INTO attempts (job_id, token, worker, started_at, verdict, certificate)
        SELECT job_id, token, worker, acquired_at, 'completed', certificate FROM ended
    ), completed AS (
        UPDATE procrastinate_jobs j SET status = 'succeeded', attempts = j.attempts + 1, scheduled_at = NULL,
            abort_requested = false, worker_id = NULL
        WHERE j.id = ANY (ARRAY(SELECT job_id FROM ended)) AND j.status = 'doing'
    )
    SELECT job_id, token FROM ended;
END $$;

-- Attempts whose worker is gone. Each job runs again at once, unless it was cancelled or has used up its crashes:
-- a job that kills its worker must not do so for ever. One that can't be given back now harms none of the others.
CREATE FUNCTION sfa_lose_v1(_jobs bigint[], _tokens uuid[], _reason text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    lease record;
    lost integer := 0;
BEGIN
    FOR lease IN SELECT * FROM unnest(_jobs, _tokens) AS l (job_id, token) LOOP
        BEGIN
            IF (sfa_finish_v1(lease.job_id, lease.token, 'lost', _reason, 'crash',
                              sfa_lost_certificate(lease.job_id, lease.token, _reason), interval '0')).held THEN
                lost := lost + 1;
            END IF;
        EXCEPTION WHEN unique_violation THEN
            RAISE WARNING 'job % could not be given back yet: %', lease.job_id, SQLERRM;
        END;
    END LOOP;
    RETURN lost;
END $$;

-- Leases that ran out. After a restart of the server nobody could renew: everybody gets one lease's time first.
CREATE FUNCTION sfa_reap_v1(_lease interval) RETURNS integer LANGUAGE sql AS $$
    SELECT sfa_lose_v1(array_agg(job_id), array_agg(token), 'the worker stopped renewing its lease')
    FROM (SELECT job_id, token FROM leases WHERE expires_at < now() AND pg_postmaster_start_time() < now() - _lease
          FOR UPDATE SKIP LOCKED) expired
    HAVING count(*) > 0
$$;

-- Workers known to be dead (their process is gone from this very host): no need to wait for their leases.
CREATE FUNCTION sfa_bury_v1(_workers bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    lost integer;
BEGIN
    SELECT sfa_lose_v1(array_agg(job_id), array_agg(token), 'the worker process died') INTO lost
    FROM leases WHERE worker_id = ANY (_workers) HAVING count(*) > 0;
    DELETE FROM procrastinate_workers WHERE id = ANY (_workers);
    RETURN coalesce(lost, 0);
END $$;

-- What is leased to a worker and is not among the tokens that it knows: it was claimed, and the answer got lost. How many.
CREATE FUNCTION sfa_disown_v1(_worker bigint, _tokens uuid[]) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (
        SELECT sfa_finish_v1(job_id, token, 'released', NULL, NULL, NULL, interval '0') FROM leases
        WHERE worker_id = _worker AND token <> ALL (_tokens) OFFSET 0) gone
$$;

-- A worker ends in good order: what it could not give back one by one goes back now, and uses up nothing.
CREATE FUNCTION sfa_leave_v1(_worker bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM sfa_finish_v1(job_id, token, 'released', NULL, NULL, NULL, interval '0') FROM leases WHERE worker_id = _worker;
    DELETE FROM procrastinate_workers WHERE id = _worker;
END $$;

-- Progress of many attempts in one statement; a stale token moves nothing, and progress never falls.
CREATE FUNCTION sfa_progress_v1(_jobs bigint[], _tokens uuid[], _percents real[], _stages text[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    target text;
BEGIN
    FOR target IN
        SELECT DISTINCT k.domain_table FROM procrastinate_jobs j JOIN job_kinds k ON k.task_name = j.task_name WHERE j.id = ANY (_jobs)
    LOOP
        EXECUTE format($q$
            UPDATE %I d SET progress = greatest(d.progress, least(u.percent, 100)), stage = u.stage
            FROM unnest($1, $2, $3, $4) AS u (job_id, token, percent, stage)
            JOIN leases l ON l.job_id = u.job_id AND l.token = u.token
            WHERE d.queue_job_id = u.job_id AND d.status = 'running'
        $q$, target) USING _jobs, _tokens, _percents, _stages;
    END LOOP;
END $$;
