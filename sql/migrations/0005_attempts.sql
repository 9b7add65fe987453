-- Claim, renew, finish, lose: how an attempt begins and ends. Every write is guarded by (job, token).

-- As many ready jobs as there are free slots, in one statement; each comes back with its lease's token.
CREATE FUNCTION sfa_claim_v1(_worker bigint, _queue text, _slots integer, _lease interval)
RETURNS TABLE (job_id bigint, token uuid, task_name text, args jsonb, attempts integer, priority integer, lock text)
LANGUAGE sql AS $$
    WITH ready AS (
        SELECT j.id FROM procrastinate_jobs j
        WHERE j.status = 'todo' AND j.scheduled_at IS NULL AND j.queue_name = _queue
          AND NOT EXISTS (SELECT FROM queues q WHERE q.name = _queue AND q.paused)
          AND (j.lock IS NULL OR NOT EXISTS (
              SELECT FROM procrastinate_jobs other
              WHERE other.lock = j.lock AND other.id <> j.id
                AND (other.status = 'doing'
                     OR other.status = 'todo' AND other.scheduled_at IS NULL
                        AND (other.priority, -other.id) > (j.priority, -j.id))))
        ORDER BY j.priority DESC, j.id
        LIMIT _slots
        FOR UPDATE OF j SKIP LOCKED
    ), claimed AS (
        UPDATE procrastinate_jobs j SET status = 'doing', worker_id = _worker
        FROM ready WHERE j.id = ready.id
        RETURNING j.id, j.task_name, j.args, j.attempts, j.priority, j.lock
    ), leased AS (
        INSERT INTO leases (job_id, token, worker_id, expires_at)
        SELECT id, gen_random_uuid(), _worker, now() + _lease FROM claimed
        RETURNING leases.job_id, leases.token
    ), begun AS (
        INSERT INTO attempts (job_id, token, worker)
        SELECT l.job_id, l.token, w.name || '@' || w.host FROM leased l, workers w WHERE w.id = _worker
    )
    SELECT c.id, l.token, c.task_name::text, c.args, c.attempts, c.priority, c.lock
    FROM claimed c JOIN leased l ON l.job_id = c.id
    ORDER BY c.priority DESC, c.id
$$;

-- The same for one job that somebody else has set to 'doing' (Procrastinate's own worker). No row: it is leased already.
CREATE FUNCTION sfa_lease_v1(_job bigint, _worker bigint, _name text, _lease interval) RETURNS uuid LANGUAGE sql AS $$
    WITH leased AS (
        INSERT INTO leases (job_id, token, worker_id, expires_at)
        SELECT id, gen_random_uuid(), _worker, now() + _lease FROM procrastinate_jobs WHERE id = _job AND status = 'doing'
        ON CONFLICT DO NOTHING
        RETURNING job_id, token
    ), begun AS (
        INSERT INTO attempts (job_id, token, worker) SELECT job_id, token, _name FROM leased
    )
    SELECT token FROM leased
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

-- The worker lives: its leases are good for another while, late ones too, for a lease that nobody has reaped is still
-- its own. What it gets back is what it holds; anything else that it runs is somebody else's by now.
CREATE FUNCTION sfa_renew_v1(_worker bigint, _lease interval) RETURNS TABLE (job_id bigint, token uuid, cancel boolean)
LANGUAGE sql AS $$
    WITH seen AS (UPDATE workers SET seen_at = now() WHERE id = _worker),
    heartbeat AS (UPDATE procrastinate_workers SET last_heartbeat = now() WHERE id = _worker),
    renewed AS (
        UPDATE leases SET expires_at = now() + _lease WHERE worker_id = _worker
        RETURNING leases.job_id, leases.token
    )
    SELECT r.job_id, r.token, j.abort_requested FROM renewed r JOIN procrastinate_jobs j ON j.id = r.job_id
$$;

-- How often a job's worker or child died since it was last started afresh.
CREATE FUNCTION sfa_crashes(_job bigint) RETURNS bigint LANGUAGE sql STABLE AS
$$ SELECT count(*) FROM attempts WHERE job_id = _job AND counted AND verdict = 'lost' $$;

-- Ends an attempt. 'lost' (its child died) uses up a crash, not an attempt. False: the lease is gone, so nothing was written and the caller's transaction must roll back.
-- A retry of a job that somebody cancelled meanwhile is a cancellation.
CREATE FUNCTION sfa_finish_v1(
    _job bigint, _token uuid, _verdict attempt_verdict, _error text, _error_kind error_kind, _certificate jsonb,
    _retry_in interval, _complete_queue_row boolean DEFAULT true
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    verdict_now attempt_verdict := _verdict;
    next_status procrastinate_job_status;
BEGIN
    DELETE FROM leases WHERE job_id = _job AND token = _token;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    IF _verdict IN ('retried', 'released', 'lost')
       AND (SELECT abort_requested FROM procrastinate_jobs WHERE id = _job FOR UPDATE) THEN
        verdict_now := 'cancelled';
    END IF;
    UPDATE attempts SET ended_at = now(), verdict = verdict_now, error = _error, error_kind = _error_kind, certificate = _certificate
    WHERE job_id = _job AND token = _token;
    next_status := CASE verdict_now WHEN 'completed' THEN 'succeeded' WHEN 'failed' THEN 'failed'
                                    WHEN 'cancelled' THEN 'aborted' ELSE 'todo' END;
    IF verdict_now = 'lost' AND sfa_crashes(_job) >= (
        SELECT coalesce(max(k.max_crashes), 5) FROM procrastinate_jobs j JOIN job_kinds k USING (task_name) WHERE j.id = _job) THEN
        next_status := 'failed';
    END IF;
    IF _complete_queue_row THEN
        UPDATE procrastinate_jobs SET
            status = next_status,
            attempts = attempts + (verdict_now IN ('completed', 'failed', 'retried'))::int,
            scheduled_at = CASE WHEN next_status = 'todo' AND _retry_in > interval '0' THEN now() + _retry_in END,
            abort_requested = false,
            worker_id = NULL
        WHERE id = _job AND status = 'doing';
    END IF;
    RETURN true;
END $$;

-- Attempts whose worker is gone. The job runs again at once, unless it was cancelled or has used up its crashes:
-- a job that kills its worker must not do so for ever.
CREATE FUNCTION sfa_lose_v1(_jobs bigint[], _reason text) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    lost integer;
BEGIN
    WITH gone AS (
        DELETE FROM leases WHERE job_id = ANY (_jobs) RETURNING job_id, token
    ), ended AS (
        UPDATE attempts a SET ended_at = now(), verdict = 'lost', error = _reason, error_kind = 'crash'
        FROM gone WHERE a.job_id = gone.job_id AND a.token = gone.token
    ), crashes AS (
        -- This statement doesn't see its own update: the crash that is being written counts as one more.
        SELECT g.job_id, count(a.id) + 1 AS number
        FROM gone g LEFT JOIN attempts a ON a.job_id = g.job_id AND a.counted AND a.verdict = 'lost'
        GROUP BY g.job_id
    ), back AS (
        UPDATE procrastinate_jobs j SET
            status = CASE WHEN j.abort_requested THEN 'aborted' WHEN c.number >= coalesce(k.max_crashes, 5) THEN 'failed'
                          ELSE 'todo' END::procrastinate_job_status,
            scheduled_at = NULL, abort_requested = false, worker_id = NULL
        FROM crashes c, procrastinate_jobs self LEFT JOIN job_kinds k ON k.task_name = self.task_name
        WHERE j.id = c.job_id AND self.id = j.id AND j.status = 'doing'
        RETURNING j.id
    )
    SELECT count(*) INTO lost FROM back;
    RETURN lost;
END $$;

-- Leases that ran out. After a restart of the server nobody could renew: everybody gets one lease's time first.
CREATE FUNCTION sfa_reap_v1(_lease interval) RETURNS integer LANGUAGE sql AS $$
    SELECT sfa_lose_v1(array_agg(job_id), 'the worker stopped renewing its lease')
    FROM (SELECT job_id FROM leases WHERE expires_at < now() AND pg_postmaster_start_time() < now() - _lease
          FOR UPDATE SKIP LOCKED) expired
    HAVING count(*) > 0
$$;

-- Workers known to be dead (their process is gone from this very host): no need to wait for their leases.
CREATE FUNCTION sfa_bury_v1(_workers bigint[]) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    lost integer;
BEGIN
    SELECT sfa_lose_v1(array_agg(job_id), 'the worker process died') INTO lost
    FROM leases WHERE worker_id = ANY (_workers) HAVING count(*) > 0;
    DELETE FROM procrastinate_workers WHERE id = ANY (_workers);
    RETURN coalesce(lost, 0);
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
            UPDATE %I d SET progress = greatest(d.progress, u.percent), stage = u.stage
            FROM unnest($1, $2, $3, $4) AS u (job_id, token, percent, stage)
            JOIN leases l ON l.job_id = u.job_id AND l.token = u.token
            WHERE d.queue_job_id = u.job_id AND d.status = 'running'
        $q$, target) USING _jobs, _tokens, _percents, _stages;
    END LOOP;
END $$;

-- ---------------------------------------------------------------- control, by either id

CREATE FUNCTION sfa_queue_id(_job text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF _job ~ '^\d{1,18}$' THEN
        SELECT id INTO found FROM procrastinate_jobs WHERE id = _job::bigint;
    ELSIF _job ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN
        SELECT queue_job_id INTO found FROM (
            SELECT queue_job_id FROM processing_jobs WHERE id = _job::uuid
            UNION ALL SELECT queue_job_id FROM analysis_jobs WHERE id = _job::uuid
            UNION ALL SELECT queue_job_id FROM download_jobs WHERE id = _job::uuid) t;
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no job "%"', _job USING ERRCODE = 'no_data_found', HINT = 'SELECT id, kind, status FROM sfa_jobs lists them.';
    END IF;
    RETURN found;
END $$;

-- A waiting job is cancelled at once; a running one is told to stop and ends within its grace period.
-- True: there was something to cancel.
CREATE FUNCTION sfa_cancel(_job text) RETURNS boolean LANGUAGE sql AS
$$ SELECT procrastinate_cancel_job_v1(sfa_queue_id(_job), true, false) IS NOT NULL $$;
CREATE FUNCTION sfa_cancel(_job uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_cancel(_job::text) $$;
CREATE FUNCTION sfa_cancel(_job bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_cancel(_job::text) $$;

-- Starts a job that failed or was cancelled (or waits for its retry) afresh, with both budgets full again.
CREATE FUNCTION sfa_retry(_job text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
BEGIN
    PERFORM FROM procrastinate_jobs WHERE id = queue_id
        AND (status IN ('failed', 'cancelled', 'aborted') OR status = 'todo' AND scheduled_at IS NOT NULL) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE attempts SET counted = false WHERE job_id = queue_id AND counted;
    UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL, abort_requested = false, worker_id = NULL
    WHERE id = queue_id;
    RETURN true;
END $$;
CREATE FUNCTION sfa_retry(_job uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_retry(_job::text) $$;
CREATE FUNCTION sfa_retry(_job bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_retry(_job::text) $$;
