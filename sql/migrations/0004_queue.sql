-- One INSERT is one job. Either table may be written first; a trigger writes the other row in the same
-- transaction, and from then on the queue row's state moves the domain row's.

-- open: a kind of job keeps crashing, nothing is claimed until breaker_until. half_open: one job is tried.
CREATE TYPE breaker_state AS ENUM ('closed', 'open', 'half_open');

-- concurrency: jobs at a time in each worker. global_concurrency: in all workers together; NULL is no limit.
-- breaker_crashes: crashes in a row, of two jobs at least, that trip the breaker; NULL: never. breaker_pause: how long it
-- stays open, doubled each time that the trial crashes as well. The other breaker columns are its own.
CREATE TABLE queues (
    name text PRIMARY KEY,
    concurrency integer NOT NULL,
    global_concurrency integer,
    paused boolean NOT NULL DEFAULT false,
    paused_reason text,
    breaker_crashes integer DEFAULT 5,
    breaker_pause interval NOT NULL DEFAULT '30 seconds',
    breaker breaker_state NOT NULL DEFAULT 'closed',
    breaker_until timestamptz,
    breaker_trips integer NOT NULL DEFAULT 0,
    breaker_why text,
    breaker_job bigint,
    CONSTRAINT queues_breaker_settings CHECK (breaker_crashes >= 2 AND breaker_pause > interval '0'),
    CONSTRAINT queues_breaker_until CHECK ((breaker = 'open') = (breaker_until IS NOT NULL)),
    CONSTRAINT queues_concurrency_range CHECK (concurrency BETWEEN 1 AND 1000),
    CONSTRAINT queues_global_concurrency_range CHECK (global_concurrency BETWEEN 1 AND 100000)
);
INSERT INTO queues (name, concurrency) VALUES ('download', 3), ('processing', 2), ('analysis', 2), ('default', 2);

-- Who works: one row a worker process, beside Procrastinate's own (its heartbeat is kept too).
CREATE TABLE workers (
    id bigint PRIMARY KEY REFERENCES procrastinate_workers ON DELETE CASCADE,
    name text NOT NULL,
    host text NOT NULL,
    -- Tells one machine's (or container's) process numbers from another's: boot id and pid namespace.
    host_key text NOT NULL,
    pid integer NOT NULL,
    pid_started bigint NOT NULL,
    queue_name text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    -- How long its leases last: silent for longer, it holds nothing any more.
    lease interval NOT NULL DEFAULT '15 seconds'
) WITH (fillfactor = 50);

-- A lease is the right to write for one attempt, in the database's time. No lease with your token: write nothing.
-- It is the attempt itself for as long as that runs; what becomes of it is written to `attempts` when the lease ends.
-- No foreign keys here and in `attempts`: a check a row is what they cost, and the queue's delete trigger does their work.
CREATE TABLE leases (
    job_id bigint PRIMARY KEY,
    token uuid NOT NULL,
    worker_id bigint NOT NULL,
    worker text NOT NULL DEFAULT '',
    acquired_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    -- Set: whoever stops it puts the job off for so long; it is not a cancellation.
    snooze interval
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- 'lost': its worker died or could not renew. 'released': given back unharmed (shutdown); uses up no attempt.
CREATE TYPE attempt_verdict AS ENUM ('completed', 'failed', 'retried', 'cancelled', 'lost', 'released');

-- Every attempt that has ended.
CREATE TABLE attempts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id bigint NOT NULL,
    token uuid NOT NULL,
    worker text NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL DEFAULT now(),
    verdict attempt_verdict NOT NULL,
    error text,
    error_kind error_kind,
    -- Exit code, signal, peak memory, the tail of stderr, who ended it: the attempt's death certificate.
    certificate jsonb,
    -- False once sfa_retry has given the job a fresh start.
    counted boolean NOT NULL DEFAULT true
);
CREATE INDEX attempts_job_id_idx ON attempts (job_id, id);
CREATE INDEX attempts_lost_idx ON attempts (ended_at) WHERE verdict = 'lost';

-- The life of the worker's children: started, ready, crashed, recycled, killed, and why.
CREATE TABLE port_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    worker text NOT NULL,
    port text NOT NULL,
    pid integer NOT NULL,
    event text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT port_events_event_known CHECK (event IN ('ready', 'removed'))
);
CREATE INDEX port_events_at_idx ON port_events (at DESC);

-- Claiming walks the first of these from its left end; what is not due yet, or stands in line for a lock, is not in it.
-- By (-priority): no other index can give this order, so that no planner is led astray by stale statistics.
CREATE INDEX procrastinate_jobs_sfa_ready_idx ON procrastinate_jobs (queue_name, (-priority::bigint), id)
    WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NULL;
CREATE INDEX procrastinate_jobs_sfa_locked_idx ON procrastinate_jobs (queue_name, (-priority::bigint), id)
    WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL;
-- Who is first in line for a lock, in whatever queue; and which locks there are in a queue.
CREATE INDEX procrastinate_jobs_sfa_line_idx ON procrastinate_jobs (lock, (-priority::bigint), id)
    WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL;
CREATE INDEX procrastinate_jobs_sfa_locks_idx ON procrastinate_jobs (queue_name, lock)
    WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NOT NULL;
CREATE INDEX procrastinate_jobs_sfa_due_idx ON procrastinate_jobs (scheduled_at)
    WHERE status = 'todo' AND scheduled_at IS NOT NULL;
-- Procrastinate asks these two whether a lock is held; this one knows without looking through every active job.
CREATE INDEX procrastinate_jobs_sfa_lock_idx ON procrastinate_jobs (lock) WHERE status IN ('todo', 'doing') AND lock IS NOT NULL;
DROP INDEX procrastinate_jobs_id_lock_idx_v1, procrastinate_jobs_queue_name_idx_v1;
-- Procrastinate's own rules, under their names: rows without a lock are left out, for an entry of theirs keeps nobody off.
DROP INDEX procrastinate_jobs_lock_idx_v1, procrastinate_jobs_queueing_lock_idx_v1, idx_procrastinate_jobs_worker_not_null;
CREATE UNIQUE INDEX procrastinate_jobs_lock_idx_v1 ON procrastinate_jobs (lock) WHERE status = 'doing' AND lock IS NOT NULL;
CREATE UNIQUE INDEX procrastinate_jobs_queueing_lock_idx_v1 ON procrastinate_jobs (queueing_lock)
    WHERE status = 'todo' AND queueing_lock IS NOT NULL;
-- What runs, and with whom: the only entry that a job without a lock gets when it begins, but for its new version's key.
CREATE INDEX procrastinate_jobs_sfa_doing_idx ON procrastinate_jobs (worker_id) WHERE status = 'doing';
-- Forgetting a worker must not rewrite the million jobs that it finished, as the foreign key's SET NULL would.
ALTER TABLE procrastinate_jobs DROP CONSTRAINT procrastinate_jobs_worker_id_fkey;
CREATE FUNCTION sfa_worker_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE procrastinate_jobs j SET worker_id = NULL FROM old_rows o
    WHERE j.worker_id = o.id AND j.worker_id IS NOT NULL AND j.status = 'doing';
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_worker_after_delete AFTER DELETE ON procrastinate_workers
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_worker_after_delete();
-- A check a row and event; the delete trigger does the work of the cascade.
ALTER TABLE procrastinate_events DROP CONSTRAINT procrastinate_events_job_id_fkey;
ALTER TABLE procrastinate_jobs SET (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

-- ---------------------------------------------------------------- from the domain table to the queue

-- Refuse a row: the message names the rule, and so does the error's constraint field.
CREATE FUNCTION sfa_refuse(_rule text, _message text, _hint text DEFAULT '') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', _message || ' (rule "' || _rule || '")'
        USING ERRCODE = 'check_violation', CONSTRAINT = _rule, HINT = _hint;
END $$;

CREATE FUNCTION sfa_job_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.status <> 'waiting' THEN
        PERFORM sfa_refuse(TG_TABLE_NAME || '_starts_waiting', format('a new job is "waiting", not "%s": its status follows the queue', NEW.status));
    END IF;
    -- The owner is the track's; where the track is missing the foreign key says so.
    NEW.user_id := coalesce((SELECT user_id FROM tracks WHERE id = NEW.track_id), sfa_local_owner());
    IF NEW.queue_job_id IS NULL THEN
        NEW.queue_job_id := nextval('procrastinate_jobs_id_seq');
    ELSIF current_setting('sfa.enqueuing', true) IS DISTINCT FROM 'on' THEN
        PERFORM sfa_refuse(TG_TABLE_NAME || '_queue_job_id_given', 'queue_job_id is given by the queue: leave it out');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION sfa_job_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sfa.enqueuing', true) = 'on' THEN
        RETURN NULL;  -- the queue row is there already
    END IF;
    PERFORM set_config('sfa.domain_first', 'on', true);
    INSERT INTO procrastinate_jobs (id, queue_name, task_name, priority, args, scheduled_at)
    SELECT n.queue_job_id, k.queue_name, k.task_name, n.priority, jsonb_build_object('job_id', n.id), n.scheduled_at
    FROM new_rows n JOIN job_kinds k USING (task_name);
    PERFORM set_config('sfa.domain_first', '', true);
    RETURN NULL;
END $$;

CREATE FUNCTION sfa_processing_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An unknown model gets an engine all the same: the foreign key on models then names the real mistake.
    NEW.engine := coalesce((SELECT engine FROM models WHERE name = NEW.model), 'demucs');
    IF NEW.engine = 'lalalai' AND NEW.operation <> 'export' THEN
        RETURN NEW;  -- its rules: 0070
    END IF;
    IF NEW.operation NOT IN ('separate', 'export') THEN
        PERFORM sfa_refuse('processing_jobs_operation_available', format('operation "%s" is not available on this installation; use "separate"', NEW.operation));
    END IF;
    IF NEW.operation = 'export' AND NEW.task_name = 'processing' AND current_setting('sfa.enqueuing', true) = 'on' THEN
        PERFORM sfa_refuse('processing_jobs_export_task', 'an export is task "export" on queue "default"');
    END IF;
    IF NEW.operation = 'export' OR NEW.task_name = 'export' THEN
        NEW := sfa_export_fill(NEW);
    END IF;
    -- An export is of its separation's model.
    NEW.engine := coalesce((SELECT engine FROM models WHERE name = NEW.model), 'demucs');
    IF jsonb_typeof(NEW.options -> 'stems') = 'array' AND EXISTS (
        SELECT FROM jsonb_array_elements_text(NEW.options -> 'stems') s
        WHERE regexp_replace(s, '^no_', '') <> ALL (SELECT unnest(stems) FROM models WHERE name = NEW.model)) THEN
        PERFORM sfa_refuse('processing_jobs_stems_of_model', format('options.stems names a stem that model "%s" does not make', NEW.model),
            'Its stems, or no_ and a stem''s name for the mix without it.');
    END IF;
    RETURN NEW;
END $$;

-- The operation names the task, and the task the operation.
CREATE FUNCTION sfa_analysis_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.task_name = 'auto_cue' THEN
        NEW.operation := 'auto_cue';
    ELSIF NEW.operation = 'auto_cue' THEN
        NEW.task_name := 'auto_cue';
    END IF;
    RETURN NEW;
END $$;

-- An address alone is enough: the track is made on the way, titled by the last part of the address.
CREATE FUNCTION sfa_download_fill() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.track_id IS NULL AND length(NEW.address) > 0 THEN
        INSERT INTO tracks (title, source)
        VALUES (left(coalesce(nullif(substring(NEW.address FROM '([^/?#]+)/*(?:[?#].*)?$'), ''), NEW.address), 500), 'link')
        RETURNING id INTO NEW.track_id;
    END IF;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- from the queue to the domain table

CREATE FUNCTION sfa_queue_before_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind job_kinds;
    unknown text;
BEGIN
    IF current_setting('sfa.domain_first', true) = 'on' THEN
        IF current_setting('sfa.linking', true) = 'on' AND EXISTS (SELECT FROM job_links WHERE job_id = NEW.id) THEN
            NEW.scheduled_at := '9999-01-01 00:00+00';  -- held until what it follows has completed
        END IF;
        RETURN NEW;
    END IF;
    SELECT * INTO kind FROM job_kinds WHERE task_name = NEW.task_name;
    IF NOT FOUND THEN
        RETURN NEW;  -- housekeeping and other people's tasks have no domain row
    END IF;
    IF NEW.queue_name <> kind.queue_name THEN
        PERFORM sfa_refuse('procrastinate_jobs_queue_of_task', format('task "%s" runs on queue "%s", not "%s"', NEW.task_name, kind.queue_name, NEW.queue_name));
    END IF;
    IF NEW.status <> 'todo' OR NEW.attempts <> 0 THEN
        PERFORM sfa_refuse('procrastinate_jobs_starts_todo', format('a new job is "todo" with no attempts, not "%s" with %s', NEW.status, NEW.attempts));
    END IF;
    IF jsonb_typeof(NEW.args) IS DISTINCT FROM 'object' THEN
        PERFORM sfa_refuse('procrastinate_jobs_args_object', format('args of task "%s" must be a JSON object', NEW.task_name));
    END IF;
    SELECT key INTO unknown FROM jsonb_object_keys(NEW.args) key WHERE key <> ALL (kind.arguments) LIMIT 1;
    IF FOUND THEN
        PERFORM sfa_refuse('procrastinate_jobs_args_known', format('unknown key "%s" in args of task "%s"', unknown, NEW.task_name), 'Allowed keys: ' || array_to_string(kind.arguments, ', ') || '.');
    END IF;
    RETURN NEW;
END $$;

-- Wakes who waits for jobs of these queues: one NOTIFY a queue, on Procrastinate's channels too.
CREATE FUNCTION sfa_wake(_queues text[], _jobs bigint[], _new boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sfa_queue', q.name),
            pg_notify('procrastinate_queue_v1#' || q.name, json_build_object('type', 'job_inserted', 'job_id', q.job)::text),
            CASE WHEN _new THEN pg_notify('procrastinate_any_queue_v1', json_build_object('type', 'job_inserted', 'job_id', q.job)::text) END
    FROM unnest(_queues, _jobs) AS q (name, job);
END $$;

-- A statement's new queue rows: their events, their domain rows, and the bell. The domain rows are written after the
-- queue rows: an INSERT … ON CONFLICT that inserts nothing leaves nothing.
CREATE FUNCTION sfa_queue_after_insert() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    part record;
BEGIN
    INSERT INTO procrastinate_events (job_id, type, at)
    SELECT id, e.type, e.at
    FROM new_rows, LATERAL (VALUES (procrastinate_job_event_type 'deferred', now()), ('scheduled', scheduled_at)) e (type, at)
    WHERE status = 'todo' AND e.at < '9999-01-01 00:00+00';
    PERFORM sfa_wake(array_agg(queue_name), array_agg(id), true)
    FROM (SELECT queue_name::text, max(id) AS id FROM new_rows WHERE status = 'todo' GROUP BY queue_name) n
    HAVING count(*) > 0;
    IF current_setting('sfa.domain_first', true) = 'on' THEN
        RETURN NULL;
    END IF;
    FOR part IN
        SELECT DISTINCT k.task_name, k.domain_table, sfa_keys(n.args) AS keys FROM new_rows n JOIN job_kinds k USING (task_name)
    LOOP
        PERFORM set_config('sfa.enqueuing', 'on', true);
        -- Only the named columns are written, so that the table's defaults hold for the rest.
        EXECUTE format($q$
            WITH made AS (
                INSERT INTO %1$I (queue_job_id, task_name, priority, scheduled_at%2$s)
                SELECT n.id, n.task_name, n.priority, n.scheduled_at%3$s FROM new_rows n, jsonb_populate_record(NULL::%1$I, n.args) r
                WHERE n.task_name = $1 AND sfa_keys(n.args) = $2
                RETURNING id, queue_job_id
            )
            UPDATE procrastinate_jobs j SET args = jsonb_build_object('job_id', made.id) FROM made WHERE j.id = made.queue_job_id
        $q$, part.domain_table,
            (SELECT coalesce(string_agg(format(', %I', key), ''), '') FROM unnest(part.keys) key),
            (SELECT coalesce(string_agg(format(', r.%I', key), ''), '') FROM unnest(part.keys) key))
            USING part.task_name, part.keys;
        PERFORM set_config('sfa.enqueuing', '', true);
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION sfa_keys(_args jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS
$$ SELECT coalesce(array_agg(key ORDER BY key), '{}') FROM jsonb_object_keys(_args) key $$;

CREATE TRIGGER sfa_queue_before_insert BEFORE INSERT ON procrastinate_jobs
    FOR EACH ROW EXECUTE FUNCTION sfa_queue_before_insert();
CREATE TRIGGER sfa_queue_after_insert AFTER INSERT ON procrastinate_jobs
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_queue_after_insert();

-- ---------------------------------------------------------------- status: one source

-- Constants of the type, not texts that are cast: the cast costs more than the row's whole UPDATE.
CREATE FUNCTION sfa_job_status(queue_status procrastinate_job_status, retried boolean) RETURNS job_status
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE queue_status
        WHEN 'todo' THEN CASE WHEN retried THEN job_status 'retrying' ELSE job_status 'waiting' END
        WHEN 'doing' THEN job_status 'running' WHEN 'aborting' THEN job_status 'running'
        WHEN 'succeeded' THEN job_status 'completed' WHEN 'failed' THEN job_status 'failed'
        ELSE job_status 'cancelled' END
$$;

-- What a statement did to queue rows: the queue row's state moves the domain row's; Procrastinate's events (the same
-- ones, written at once instead of row by row); the ends that come from outside; and the bells. A claim and a batch of
-- completions, which are nearly all statements, take a short way without joins: all rows went from the one state to the other.
-- (OFFSET 0: an UPDATE carries each whole row along that it is joined with, args and all, in case its own row was locked.)
-- Written anew, with one UPDATE a domain table, whenever a kind of job is added: SQL that is put together at run time
-- would be planned anew with every statement.
CREATE FUNCTION sfa_write_mirror() RETURNS trigger LANGUAGE plpgsql AS $write$
DECLARE
    kinds record;
    short text := '';
    general text := '';
BEGIN
    FOR kinds IN SELECT domain_table, array_agg(task_name) AS tasks FROM job_kinds GROUP BY domain_table LOOP
        short := short || format($f$
        IF change.tasks && %2$L::text[] THEN
            IF change.became = 'doing' THEN
                UPDATE %1$I d SET status = 'running', attempt = n.attempts + 1, priority = n.priority, scheduled_at = n.scheduled_at,
                    started_at = now(), finished_at = NULL, error = NULL, error_kind = NULL
                FROM (SELECT id, attempts, priority, scheduled_at FROM new_rows OFFSET 0) n WHERE d.queue_job_id = n.id;
            ELSE
                UPDATE %1$I d SET status = 'completed', attempt = n.attempts, priority = n.priority, scheduled_at = n.scheduled_at,
                    finished_at = now(), progress = 100, stage = NULL, error = NULL, error_kind = NULL
                FROM (SELECT id, attempts, priority, scheduled_at FROM new_rows OFFSET 0) n WHERE d.queue_job_id = n.id;
            END IF;
        END IF;
$f$, kinds.domain_table, kinds.tasks);
        general := general || format($f$
    IF change.tasks && %2$L::text[] THEN
        UPDATE %1$I d SET
            status = s.status,
            attempt = n.attempts + (n.status = 'doing')::int,
            priority = n.priority,
            scheduled_at = nullif(n.scheduled_at, timestamptz '9999-01-01 00:00+00'),
            started_at = CASE WHEN n.status = 'doing' AND o.status <> 'doing' THEN now() ELSE d.started_at END,
            finished_at = CASE WHEN s.status IN ('completed', 'failed', 'cancelled') THEN coalesce(d.finished_at, now()) END,
            -- What was given back unharmed (a deploy, a step that waits for somebody else's work) is as far as it was.
            progress = CASE WHEN s.status = 'completed' THEN 100
                            WHEN n.status = 'todo' AND a.verdict IS DISTINCT FROM 'released' THEN 0
                            ELSE d.progress END,
            stage = CASE WHEN n.status = o.status OR n.status = 'doing' OR n.status = 'todo' AND a.verdict = 'released' THEN d.stage END,
            error = CASE WHEN s.status IN ('failed', 'retrying') THEN coalesce(a.error, 'failed without saying why') END,
            error_kind = CASE WHEN s.status IN ('failed', 'retrying') THEN coalesce(a.error_kind, 'internal') END
        FROM new_rows n JOIN old_rows o USING (id)
        LEFT JOIN LATERAL (
            SELECT verdict, error, error_kind FROM attempts a
            WHERE n.status IN ('todo', 'failed') AND a.job_id = n.id AND a.counted ORDER BY a.id DESC LIMIT 1) a ON true,
        LATERAL (SELECT sfa_job_status(n.status, a.verdict IN ('retried', 'lost') OR a.verdict = 'released' AND a.error IS NOT NULL) AS status) s
        WHERE d.queue_job_id = n.id
          AND (n.status, n.scheduled_at, n.attempts, n.priority) IS DISTINCT FROM (o.status, o.scheduled_at, o.attempts, o.priority);
    END IF;
$f$, kinds.domain_table, kinds.tasks);
    END LOOP;
    EXECUTE $f$ CREATE OR REPLACE FUNCTION sfa_queue_after_update() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_mergejoin = off SET plan_cache_mode = force_generic_plan AS $mirror$
DECLARE
    change record;
    ignored text;
BEGIN
    SELECT (CASE WHEN NOT EXISTS (SELECT FROM old_rows WHERE status <> 'todo')
                      AND NOT EXISTS (SELECT FROM new_rows WHERE status <> 'doing' OR abort_requested) THEN 'doing'
                 WHEN NOT EXISTS (SELECT FROM old_rows WHERE status <> 'doing')
                      AND NOT EXISTS (SELECT FROM new_rows WHERE status <> 'succeeded' OR abort_requested)
                      AND NOT EXISTS (SELECT FROM leases l, new_rows n WHERE l.job_id = n.id) THEN 'succeeded' END) AS became,
           ARRAY(SELECT DISTINCT task_name::text FROM new_rows) AS tasks
    INTO change;
    IF change.became IS NOT NULL THEN
        IF change.became = 'doing' THEN
            INSERT INTO procrastinate_events (job_id, type, at) SELECT id, 'started', now() FROM new_rows;
        ELSE
            INSERT INTO procrastinate_events (job_id, type, at) SELECT id, 'succeeded', now() FROM new_rows;
        END IF;
        ignored := set_config('sfa.mirroring', 'on', true);
$f$ || short || $f$
        ignored := set_config('sfa.mirroring', '', true);
        RETURN NULL;
    END IF;

    SELECT bool_or(n.status <> o.status) AS moved,
           bool_or(o.status = 'doing' AND n.status <> 'doing') AS ended,
           bool_or(n.status = 'todo' AND n.scheduled_at IS NOT NULL) AS scheduled,
           bool_or(n.status = 'todo' AND (o.status <> 'todo' OR n.scheduled_at IS DISTINCT FROM o.scheduled_at)) AS ready,
           bool_or(n.abort_requested AND NOT o.abort_requested) AS aborted,
           bool_or((n.status, n.scheduled_at, n.attempts, n.priority) IS DISTINCT FROM (o.status, o.scheduled_at, o.attempts, o.priority)) AS mirrored,
           array_agg(DISTINCT n.task_name::text) AS tasks
    INTO change FROM new_rows n JOIN old_rows o USING (id);
    IF change.moved OR change.scheduled OR change.aborted THEN
        INSERT INTO procrastinate_events (job_id, type, at)
        SELECT n.id, e.type, e.at
        FROM new_rows n JOIN old_rows o USING (id), LATERAL (VALUES
            (CASE WHEN n.abort_requested AND NOT o.abort_requested THEN procrastinate_job_event_type 'abort_requested' END, now()),
            (CASE WHEN n.status = 'todo' AND n.scheduled_at < '9999-01-01 00:00+00' THEN procrastinate_job_event_type 'scheduled' END, n.scheduled_at),
            (CASE o.status
                WHEN 'doing' THEN CASE n.status
                    WHEN 'todo' THEN procrastinate_job_event_type 'deferred_for_retry' WHEN 'failed' THEN procrastinate_job_event_type 'failed'
                    WHEN 'succeeded' THEN procrastinate_job_event_type 'succeeded' WHEN 'aborted' THEN procrastinate_job_event_type 'aborted' END
                WHEN 'todo' THEN CASE
                    WHEN n.status = 'doing' THEN procrastinate_job_event_type 'started'
                    WHEN n.status IN ('cancelled', 'failed', 'succeeded') THEN procrastinate_job_event_type 'cancelled' END
                WHEN 'failed' THEN CASE n.status WHEN 'todo' THEN procrastinate_job_event_type 'retried' END
            END, now())) AS e (type, at)
        WHERE e.type IS NOT NULL;
    END IF;
    IF change.ended THEN
        -- Somebody else than the holder ended it (Procrastinate's retry, an UPDATE by hand): the lease ends too, which
        -- fences the attempt and leaves nothing in the way of the next one.
        WITH ended AS (
            DELETE FROM leases l USING new_rows n JOIN old_rows o USING (id)
            WHERE l.job_id = n.id AND o.status = 'doing' AND n.status <> 'doing'
            RETURNING l.*, n.status
        )
        INSERT INTO attempts (job_id, token, worker, started_at, error, error_kind, verdict)
        SELECT job_id, token, worker, acquired_at, 'ended from outside', 'internal',
               CASE status WHEN 'succeeded' THEN 'completed' WHEN 'failed' THEN 'failed'
                           WHEN 'todo' THEN 'retried' ELSE 'cancelled' END::attempt_verdict
        FROM ended;
    END IF;
    IF change.mirrored THEN
    ignored := set_config('sfa.mirroring', 'on', true);
$f$ || general || $f$
    ignored := set_config('sfa.mirroring', '', true);
    END IF;
    IF change.ready THEN
        PERFORM sfa_wake(array_agg(queue_name), array_agg(id), false)
        FROM (SELECT n.queue_name::text, max(n.id) AS id FROM new_rows n JOIN old_rows o USING (id)
              WHERE n.status = 'todo' AND (o.status <> 'todo' OR n.scheduled_at IS DISTINCT FROM o.scheduled_at)
              GROUP BY n.queue_name) n;
    END IF;
    IF change.aborted THEN
        PERFORM pg_notify('sfa_cancel', n.queue_name)
        FROM (SELECT DISTINCT n.queue_name FROM new_rows n JOIN old_rows o USING (id)
              WHERE n.abort_requested AND NOT o.abort_requested) n;
        -- What Procrastinate's own worker listens to.
        PERFORM pg_notify('procrastinate_queue_v1#' || queue_name, payload), pg_notify('procrastinate_any_queue_v1', payload)
        FROM (SELECT n.queue_name, json_build_object('type', 'abort_job_requested', 'job_id', n.id)::text AS payload
              FROM new_rows n JOIN old_rows o USING (id)
              WHERE n.abort_requested AND NOT o.abort_requested AND n.status = 'doing') n;
    END IF;
    RETURN NULL;
END $mirror$ $f$;
    RETURN NULL;
END $write$;
CREATE TRIGGER sfa_write_mirror AFTER INSERT OR UPDATE ON job_kinds
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_write_mirror();
UPDATE job_kinds SET domain_table = domain_table;

CREATE TRIGGER sfa_queue_after_update AFTER UPDATE ON procrastinate_jobs
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_queue_after_update();
DROP TRIGGER procrastinate_trigger_status_events_update_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_status_events_insert_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_scheduled_events_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_trigger_abort_requested_events_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON procrastinate_jobs;
DROP TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 ON procrastinate_jobs;

-- What belongs to a queue row goes with it; one that is deleted before its job ended (Procrastinate's delete_job, a
-- DELETE by hand) cancels the job.
CREATE FUNCTION sfa_queue_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    target text;
BEGIN
    DELETE FROM leases l USING old_rows o WHERE l.job_id = o.id;
    DELETE FROM attempts a USING old_rows o WHERE a.job_id = o.id;
    DELETE FROM procrastinate_events e USING old_rows o WHERE e.job_id = o.id;
    FOR target IN
        SELECT DISTINCT k.domain_table FROM old_rows o JOIN job_kinds k USING (task_name)
        WHERE o.status IN ('todo', 'doing')
    LOOP
        PERFORM set_config('sfa.mirroring', 'on', true);
        EXECUTE format($q$
            UPDATE %I d SET status = 'cancelled', finished_at = now(), stage = NULL FROM old_rows o
            WHERE d.queue_job_id = o.id AND d.finished_at IS NULL
        $q$, target);
        PERFORM set_config('sfa.mirroring', '', true);
    END LOOP;
    RETURN NULL;
END $$;

CREATE TRIGGER sfa_queue_after_delete AFTER DELETE ON procrastinate_jobs
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_queue_after_delete();

-- Its WHEN is short, because it is parsed anew for every statement.
CREATE FUNCTION sfa_job_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sfa.mirroring', true) IS DISTINCT FROM 'on'
       AND (OLD.status, OLD.priority, OLD.scheduled_at) IS DISTINCT FROM (NEW.status, NEW.priority, NEW.scheduled_at) THEN
        PERFORM sfa_refuse(TG_TABLE_NAME || '_status_follows_queue', 'status, priority and scheduled_at of a job follow the queue and are not set by hand',
            'Use SELECT sfa_cancel(id), sfa_retry(id), sfa_prioritise(id, n) or sfa_reschedule(id, at).');
    END IF;
    RETURN NEW;
END $$;

-- A job that is deleted (with its track, say) must not run; one that runs is stopped.
CREATE FUNCTION sfa_job_after_delete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE procrastinate_jobs j SET
        status = CASE j.status WHEN 'todo' THEN 'cancelled' ELSE j.status END,
        abort_requested = j.status = 'doing'
    FROM old_rows o WHERE j.id = o.queue_job_id AND j.status IN ('todo', 'doing');
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- NOTIFY wakes: a topic and an id, never data

CREATE FUNCTION sfa_notify_queues() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sfa_queue', NEW.name);
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_queues AFTER INSERT OR UPDATE ON queues FOR EACH ROW EXECUTE FUNCTION sfa_notify_queues();

-- What pages show: payload "track:<id>", or "tracks" where a statement touched very many.
CREATE FUNCTION sfa_notify_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ids uuid[];
BEGIN
    IF TG_ARGV[0] = 'id' THEN
        SELECT array_agg(id) INTO ids FROM (SELECT DISTINCT id FROM changed LIMIT 11) t;
    ELSE
        SELECT array_agg(track_id) INTO ids FROM (SELECT DISTINCT track_id FROM changed LIMIT 11) t;
    END IF;
    IF cardinality(ids) > 10 THEN
        PERFORM pg_notify('sfa_changed', 'tracks');
    ELSE
        PERFORM pg_notify('sfa_changed', 'track:' || id) FROM unnest(ids) id;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    t text;
    column_name text;
BEGIN
    FOREACH t IN ARRAY '{tracks,download_jobs,processing_jobs,analysis_jobs,stems,analysis_results}'::text[] LOOP
        column_name := CASE t WHEN 'tracks' THEN 'id' ELSE 'track_id' END;
        EXECUTE format('CREATE TRIGGER sfa_notify_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed(%L)', t, column_name);
        EXECUTE format('CREATE TRIGGER sfa_notify_update AFTER UPDATE ON %I REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed(%L)', t, column_name);
        EXECUTE format('CREATE TRIGGER sfa_notify_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed(%L)', t, column_name);
    END LOOP;
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER sfa_job_before_insert BEFORE INSERT ON %I FOR EACH ROW EXECUTE FUNCTION sfa_job_before_insert()', t);
        EXECUTE format('CREATE TRIGGER sfa_job_after_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_insert()', t);
        EXECUTE format('CREATE TRIGGER sfa_job_after_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_delete()', t);
        EXECUTE format('CREATE TRIGGER sfa_job_guard_status BEFORE UPDATE OF status, priority, scheduled_at ON %I FOR EACH ROW WHEN (current_setting(''sfa.mirroring'', true) IS DISTINCT FROM ''on'') EXECUTE FUNCTION sfa_job_guard_status()', t);
    END LOOP;
END $$;
-- Named to run before sfa_job_before_insert: triggers fire in the order of their names.
CREATE TRIGGER sfa_fill BEFORE INSERT ON processing_jobs FOR EACH ROW EXECUTE FUNCTION sfa_processing_fill();
CREATE TRIGGER sfa_fill BEFORE INSERT ON analysis_jobs FOR EACH ROW EXECUTE FUNCTION sfa_analysis_fill();
CREATE TRIGGER sfa_fill BEFORE INSERT ON download_jobs FOR EACH ROW EXECUTE FUNCTION sfa_download_fill();
