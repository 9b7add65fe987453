-- Control by SQL, by either id of a job (its own or its queue row's): cancel, retry, reschedule, prioritise, snooze, one
-- by one or many at a time; and a way to enqueue that links where the same work is active already.

CREATE FUNCTION sfa_queue_id(_job text) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF _job ~ '^\d{1,18}$' THEN
        SELECT id INTO found FROM procrastinate_jobs WHERE id = _job::bigint;
    ELSIF _job ~* '^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$' THEN
        SELECT queue_job_id INTO found FROM sfa_jobs WHERE id = _job::uuid;
    END IF;
    IF found IS NULL THEN
        RAISE EXCEPTION 'there is no job "%"', _job USING ERRCODE = 'no_data_found', HINT = 'SELECT id, kind, status FROM sfa_jobs lists them.';
    END IF;
    RETURN found;
END $$;

-- A waiting job is cancelled at once; a running one is told to stop and ends within its grace period.
-- True: there was something to cancel.
CREATE FUNCTION sfa_cancel(_job text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
BEGIN
    UPDATE leases SET snooze = NULL WHERE job_id = queue_id AND snooze IS NOT NULL;
    RETURN procrastinate_cancel_job_v1(queue_id, true, false) IS NOT NULL;
END $$;

-- Starts a job that failed or was cancelled (or waits for its retry) afresh, with both budgets full again.
CREATE FUNCTION sfa_retry(_job text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
    rule text;
BEGIN
    PERFORM FROM procrastinate_jobs WHERE id = queue_id
        AND (status IN ('failed', 'cancelled', 'aborted') OR status = 'todo' AND scheduled_at IS NOT NULL) FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE attempts SET counted = false WHERE job_id = queue_id AND counted;
    UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, scheduled_at = NULL,
        queueing_lock = sfa_queueing_lock(id, queueing_lock, 'todo'), abort_requested = false, worker_id = NULL
    WHERE id = queue_id;
    RETURN true;
EXCEPTION WHEN unique_violation THEN
    GET STACKED DIAGNOSTICS rule = CONSTRAINT_NAME;
    RAISE EXCEPTION 'job "%" cannot start afresh: the same work is active already (rule "%")', _job, rule
        USING ERRCODE = 'unique_violation', CONSTRAINT = rule, HINT = 'The active one: SELECT id, kind, status FROM sfa_jobs WHERE finished_at IS NULL.';
END $$;

-- When a waiting job may start: NULL and any time that has passed mean now. False: it does not wait.
CREATE FUNCTION sfa_reschedule(_job text, _at timestamptz) RETURNS boolean LANGUAGE sql AS $$
    WITH moved AS (
        UPDATE procrastinate_jobs SET scheduled_at = CASE WHEN _at > now() THEN _at END
        WHERE id = sfa_queue_id(_job) AND status = 'todo' RETURNING id
    )
    SELECT EXISTS (SELECT FROM moved)
$$;

-- Higher goes first; 0 is usual. False: the job does not wait any more.
CREATE FUNCTION sfa_prioritise(_job text, _priority integer) RETURNS boolean LANGUAGE sql AS $$
    WITH moved AS (
        UPDATE procrastinate_jobs SET priority = _priority WHERE id = sfa_queue_id(_job) AND status = 'todo' RETURNING id
    )
    SELECT EXISTS (SELECT FROM moved)
$$;

-- Puts a job off; a running one is stopped within its grace period and keeps its checkpoint. Uses up no attempt.
-- False: it has ended, or somebody has cancelled it. Under Procrastinate's own worker a running one is cancelled instead.
CREATE FUNCTION sfa_snooze(_job text, _for interval) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
BEGIN
    IF _for <= interval '0' OR _for IS NULL THEN
        PERFORM sfa_refuse('sfa_snooze_positive', 'a job is put off for a time that is longer than nothing');
    END IF;
    IF sfa_reschedule(_job, now() + _for) THEN
        RETURN true;
    END IF;
    -- The lease before the job, as whoever ends the attempt.
    UPDATE leases SET snooze = _for WHERE job_id = queue_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE procrastinate_jobs SET abort_requested = true
    WHERE id = queue_id AND status = 'doing' AND NOT abort_requested;
    IF NOT FOUND THEN
        UPDATE leases l SET snooze = NULL WHERE job_id = queue_id;
        RETURN false;
    END IF;
    RETURN true;
END $$;

CREATE FUNCTION sfa_cancel(_job uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_cancel(_job::text) $$;
CREATE FUNCTION sfa_cancel(_job bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_cancel(_job::text) $$;
CREATE FUNCTION sfa_retry(_job uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_retry(_job::text) $$;
CREATE FUNCTION sfa_retry(_job bigint) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_retry(_job::text) $$;
CREATE FUNCTION sfa_reschedule(_job uuid, _at timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_reschedule(_job::text, _at) $$;
CREATE FUNCTION sfa_reschedule(_job bigint, _at timestamptz) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_reschedule(_job::text, _at) $$;
CREATE FUNCTION sfa_prioritise(_job uuid, _priority integer) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_prioritise(_job::text, _priority) $$;
CREATE FUNCTION sfa_prioritise(_job bigint, _priority integer) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_prioritise(_job::text, _priority) $$;
CREATE FUNCTION sfa_snooze(_job uuid, _for interval) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_snooze(_job::text, _for) $$;
CREATE FUNCTION sfa_snooze(_job bigint, _for interval) RETURNS boolean LANGUAGE sql AS $$ SELECT sfa_snooze(_job::text, _for) $$;

-- ---------------------------------------------------------------- many at a time

-- SELECT sfa_cancel_many(ARRAY(SELECT id FROM sfa_jobs WHERE …)): one statement for all; how many there were to cancel.
-- In the order of their ids, so that two such calls don't deadlock. What does not exist is passed over.
CREATE FUNCTION sfa_cancel_many(_jobs bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    cancelled bigint;
BEGIN
    UPDATE leases SET snooze = NULL WHERE job_id = ANY (_jobs) AND snooze IS NOT NULL;
    WITH found AS (
        SELECT id FROM procrastinate_jobs WHERE id = ANY (_jobs) AND status IN ('todo', 'doing') ORDER BY id FOR UPDATE
    ), moved AS (
        UPDATE procrastinate_jobs j SET abort_requested = true,
            status = CASE j.status WHEN 'todo' THEN procrastinate_job_status 'cancelled' ELSE j.status END
        FROM found WHERE j.id = found.id RETURNING j.id
    )
    SELECT count(*) INTO cancelled FROM moved;
    RETURN cancelled;
END $$;
CREATE FUNCTION sfa_cancel_many(_jobs uuid[]) RETURNS bigint LANGUAGE sql AS
$$ SELECT sfa_cancel_many(ARRAY(SELECT queue_job_id FROM sfa_jobs WHERE id = ANY (_jobs))) $$;

-- How many start afresh. One that can't (the same work is active already) is passed over and harms none of the others.
CREATE FUNCTION sfa_retry_many(_jobs bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    job bigint;
    retried bigint := 0;
BEGIN
    FOR job IN SELECT id FROM procrastinate_jobs WHERE id = ANY (_jobs) ORDER BY id LOOP
        BEGIN
            retried := retried + sfa_retry(job)::int;
        EXCEPTION WHEN unique_violation THEN
            RAISE NOTICE '%', SQLERRM;
        END;
    END LOOP;
    RETURN retried;
END $$;
CREATE FUNCTION sfa_retry_many(_jobs uuid[]) RETURNS bigint LANGUAGE sql AS
$$ SELECT sfa_retry_many(ARRAY(SELECT queue_job_id FROM sfa_jobs WHERE id = ANY (_jobs))) $$;

-- ---------------------------------------------------------------- the same work is linked, never doubled

-- The id of the new job, or of the one that is at the same work already: the kind's table says by its index
-- <table>_one_active what "the same" is. Keys of _args: what the kind takes, and priority and scheduled_at.
CREATE FUNCTION sfa_enqueue(_kind text, _args jsonb DEFAULT '{}') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    kind job_kinds;
    unknown text;
    link text := '';
    made uuid;
BEGIN
    SELECT * INTO kind FROM job_kinds WHERE task_name = _kind;
    IF NOT FOUND THEN
        PERFORM sfa_refuse('sfa_enqueue_kind_known', format('there is no kind of job "%s"', _kind),
            (SELECT 'Known: ' || string_agg(task_name, ', ' ORDER BY task_name) || '.' FROM job_kinds));
    END IF;
    SELECT key INTO unknown FROM jsonb_object_keys(_args) key WHERE key <> ALL (kind.arguments || '{priority,scheduled_at}') LIMIT 1;
    IF FOUND THEN
        PERFORM sfa_refuse('procrastinate_jobs_args_known', format('unknown key "%s" in args of task "%s"', unknown, _kind), 'Allowed keys: ' || array_to_string(kind.arguments, ', ') || '.');
    END IF;
    SELECT format(' ON CONFLICT (%s) WHERE %s DO UPDATE SET id = t.id',
                  (SELECT string_agg(pg_get_indexdef(i.indexrelid, n, true), ', ' ORDER BY n) FROM generate_series(1, i.indnkeyatts) n),
                  pg_get_expr(i.indpred, i.indrelid))
    INTO link FROM pg_index i
    WHERE i.indrelid = kind.domain_table::regclass AND i.indexrelid = to_regclass(kind.domain_table || '_one_active');
    EXECUTE format('INSERT INTO %1$I AS t (task_name%2$s) SELECT $1%3$s FROM jsonb_populate_record(NULL::%1$I, $2) r%4$s RETURNING id', kind.domain_table,
        (SELECT string_agg(format(', %I', key), '') FROM jsonb_object_keys(_args) key),
        (SELECT string_agg(format(', r.%I', key), '') FROM jsonb_object_keys(_args) key), link)
        INTO made USING kind.task_name, _args;
    RETURN made;
END $$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = current_schema()::regnamespace
             AND p.proname ~ '^sfa_(queue_id|cancel|retry|reschedule|prioritise|snooze|cancel_many|retry_many|enqueue)$' LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path FROM CURRENT', f);
    END LOOP;
END $$;
