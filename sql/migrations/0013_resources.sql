-- What a host has (a GPU, gigabytes of memory, cores) and what jobs need of it: claimed in the same statement as the job,
-- given back with its lease. Where no kind and no job of a queue needs anything, a claim does not come by here.

-- host '*': shared by all hosts (a licence, say). A job runs on a host whose rows, and those of '*', have room for its needs.
-- patience: a job that has waited so long for it on a host keeps what is free there from jobs that came to wait later, so
-- that a big one does not starve behind small ones.
CREATE TABLE resources (
    host text NOT NULL,
    name text NOT NULL,
    capacity numeric NOT NULL,
    patience interval NOT NULL DEFAULT '30 seconds',
    PRIMARY KEY (host, name),
    CONSTRAINT resources_name_format CHECK (name ~ '^[a-z][a-z0-9_]{0,31}$'),
    CONSTRAINT resources_capacity_positive CHECK (capacity >= 0 AND patience >= interval '0')
);

-- {"gpu": 1, "memory_gb": 3}: a kind's needs; a job's own, in place of its kind's; and what a running attempt holds.
ALTER TABLE job_kinds ADD COLUMN needs jsonb NOT NULL DEFAULT '{}';
CREATE TABLE job_needs (
    job_id bigint PRIMARY KEY,
    needs jsonb NOT NULL
);
ALTER TABLE leases ADD COLUMN held jsonb;
-- Whether anything in the queue needs anything: set by the triggers below.
ALTER TABLE queues ADD COLUMN metered boolean NOT NULL DEFAULT false;

-- Who waits for what on which host: since the first claim that had no room, seen by the last.
CREATE TABLE resource_waits (
    job_id bigint NOT NULL,
    host text NOT NULL,
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    needs jsonb NOT NULL,
    PRIMARY KEY (job_id, host)
);

-- Refuses needs that no host could ever meet.
CREATE FUNCTION sfa_check_needs(_needs jsonb) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    need record;
    most numeric;
BEGIN
    IF jsonb_typeof(_needs) IS DISTINCT FROM 'object' THEN
        PERFORM sfa_refuse('needs_object', 'needs are an object of names and amounts', 'As in {"gpu": 1, "memory_gb": 3}.');
    END IF;
    FOR need IN SELECT * FROM jsonb_each(_needs) LOOP
        IF jsonb_typeof(need.value) <> 'number' OR (need.value #>> '{}')::numeric <= 0 THEN
            PERFORM sfa_refuse('needs_amount', format('the need of "%s" is an amount above 0, not %s', need.key, need.value));
        END IF;
        SELECT max(capacity) INTO most FROM resources WHERE name = need.key;
        IF most IS NULL OR most < (need.value #>> '{}')::numeric THEN
            PERFORM sfa_refuse('needs_met_somewhere', format('no host has %s of "%s"', need.value, need.key),
                coalesce((SELECT 'There are: ' || string_agg(format('%s %s on %s', capacity, name, host), ', ' ORDER BY host, name) || '.' FROM resources),
                         'INSERT INTO resources (host, name, capacity) VALUES (…) first; a worker tells its host''s when it starts.'));
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION sfa_needs_written() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_TABLE_NAME = 'job_kinds' THEN
        PERFORM sfa_check_needs(NEW.needs);
        UPDATE queues SET metered = true WHERE name = NEW.queue_name AND NOT metered AND NEW.needs <> '{}';
    ELSE
        PERFORM sfa_check_needs(NEW.needs);
        -- The job's row is written after this one, by its domain row's trigger.
        UPDATE queues q SET metered = true WHERE NOT metered AND name = coalesce(
            (SELECT queue_name FROM procrastinate_jobs WHERE id = NEW.job_id), nullif(current_setting('sfa.needs_queue', true), ''));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_needs_written AFTER INSERT OR UPDATE OF needs ON job_kinds
    FOR EACH ROW WHEN (NEW.needs <> '{}') EXECUTE FUNCTION sfa_needs_written();
CREATE TRIGGER sfa_needs_written AFTER INSERT OR UPDATE ON job_needs FOR EACH ROW EXECUTE FUNCTION sfa_needs_written();

CREATE FUNCTION sfa_needs(_job bigint, _task text) RETURNS jsonb LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT needs FROM job_needs WHERE job_id = _job), (SELECT needs FROM job_kinds WHERE task_name = _task), '{}')
$$;

-- Sets what a waiting job needs, in place of its kind's needs; NULL: its kind's again. False: it does not wait.
CREATE FUNCTION sfa_need(_job text, _needs jsonb) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
BEGIN
    PERFORM FROM procrastinate_jobs WHERE id = queue_id AND status = 'todo' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    DELETE FROM resource_waits WHERE job_id = queue_id;
    DELETE FROM job_needs WHERE job_id = queue_id;
    INSERT INTO job_needs SELECT queue_id, _needs WHERE _needs IS NOT NULL;
    RETURN true;
END $$;
CREATE FUNCTION sfa_need(_job uuid, _needs jsonb) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_need(_job::text, _needs) $$;
CREATE FUNCTION sfa_need(_job bigint, _needs jsonb) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_need(_job::text, _needs) $$;

-- A job's own needs with its INSERT: the column `needs` of its table, which only says so to the queue.
CREATE FUNCTION sfa_job_needs() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM set_config('sfa.needs_queue', (SELECT queue_name FROM job_kinds WHERE task_name = NEW.task_name), true);
    INSERT INTO job_needs VALUES (NEW.queue_job_id, NEW.needs);
    PERFORM set_config('sfa.needs_queue', '', true);
    RETURN NULL;
END $$;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN needs jsonb', t);
        EXECUTE format('CREATE TRIGGER sfa_job_needs AFTER INSERT ON %I FOR EACH ROW WHEN (NEW.needs IS NOT NULL) EXECUTE FUNCTION sfa_job_needs()', t);
        UPDATE job_kinds SET arguments = arguments || '{needs}' WHERE domain_table = t;
    END LOOP;
END $$;

CREATE FUNCTION sfa_needs_after_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM job_needs n USING old_rows o WHERE n.job_id = o.id;
    DELETE FROM resource_waits w USING old_rows o WHERE w.job_id = o.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_needs_after_delete AFTER DELETE ON procrastinate_jobs
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_needs_after_delete();

-- Where a lease is held. By its own word: the worker's row may be gone (Procrastinate's own worker forgets one whose
-- heartbeat is late), and what it holds is held all the same.
CREATE FUNCTION sfa_lease_host(_worker text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT substring(_worker FROM '@([^@]*)$') $$;

-- What of a queue may start on the worker's host: up to _free jobs in the order of the line, passing over those that there
-- is no room for. Looks at the first 200 of the line. One claim at a time has a host's resources.
CREATE FUNCTION sfa_fitting(_queue text, _worker bigint, _free integer, _heads bigint[]) RETURNS bigint[]
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    here text := (SELECT host FROM workers WHERE id = _worker);
    candidate record;
    room jsonb;
    fits boolean;
    possible boolean;
    noted integer := 0;
    chosen bigint[] := '{}';
    reckoned jsonb := '{}';
BEGIN
    PERFORM FROM job_kinds WHERE queue_name = _queue FOR SHARE;  -- what kinds need stays so until the leases are written
    PERFORM FROM resources WHERE host IN (here, '*') ORDER BY host, name FOR NO KEY UPDATE;
    -- {"gpu@*": 1, …}: what is not held, by name and scope.
    SELECT coalesce(jsonb_object_agg(r.name || '@' || r.host, r.capacity - (
        SELECT coalesce(sum((l.held ->> r.name)::numeric), 0) FROM leases l
        WHERE l.held ? r.name AND r.host IN (sfa_lease_host(l.worker), '*'))), '{}')
    INTO room FROM resources r WHERE r.host IN (here, '*');
    DELETE FROM resource_waits w USING procrastinate_jobs j WHERE w.host = here AND j.id = w.job_id AND j.status <> 'todo';
    FOR candidate IN
        SELECT c.id, sfa_needs(c.id, c.task_name) AS needs, w.since
        FROM (
            (SELECT id, priority, task_name::text FROM procrastinate_jobs
             WHERE status = 'todo' AND scheduled_at IS NULL AND lock IS NULL AND queue_name = _queue
             ORDER BY -priority::bigint, id LIMIT 200 + _free)
            UNION ALL
            SELECT id, priority, task_name::text FROM procrastinate_jobs
            WHERE id = ANY (_heads) AND status = 'todo' AND scheduled_at IS NULL) c
        LEFT JOIN resource_waits w ON w.job_id = c.id AND w.host = here
        ORDER BY -c.priority::bigint, c.id
    LOOP
        EXIT WHEN cardinality(chosen) >= _free;
        -- What jobs that waited before it, and past their patience, keep free for themselves is not for this one.
        SELECT coalesce(bool_and(coalesce(need.amount <= r.free - kept.amount, false)), true),
               coalesce(bool_and(coalesce(need.amount <= r.capacity, false)), true)
        INTO fits, possible
        FROM (SELECT key AS name, value::numeric AS amount FROM jsonb_each_text(candidate.needs)) need
        CROSS JOIN LATERAL (
            SELECT min((room ->> (r.name || '@' || r.host))::numeric) AS free, min(r.capacity) AS capacity, max(r.patience) AS patience
            FROM resources r WHERE r.name = need.name AND r.host IN (here, '*')) r
        CROSS JOIN LATERAL (
            SELECT coalesce(sum((w.needs ->> need.name)::numeric), 0) AS amount FROM resource_waits w
            WHERE w.host = here AND w.job_id <> candidate.id AND w.needs ? need.name AND NOT w.job_id = ANY (chosen)
              AND w.since < now() - r.patience AND w.seen_at > now() - interval '10 seconds'
              AND (candidate.since IS NULL OR (w.since, w.job_id) < (candidate.since, candidate.id))) kept;
        IF fits AND possible THEN
            chosen := chosen || candidate.id;
            reckoned := reckoned || jsonb_build_object(candidate.id, candidate.needs);
            SELECT room || coalesce(jsonb_object_agg(k.key, k.value::numeric - (candidate.needs ->> split_part(k.key, '@', 1))::numeric), '{}')
            INTO room FROM jsonb_each_text(room) k WHERE candidate.needs ? split_part(k.key, '@', 1);
        ELSIF possible AND noted < 20 THEN
            noted := noted + 1;
            INSERT INTO resource_waits AS w (job_id, host, needs) VALUES (candidate.id, here, candidate.needs)
            ON CONFLICT (job_id, host) DO UPDATE SET seen_at = now(), needs = excluded.needs WHERE w.seen_at < now() - interval '2 seconds';
        END IF;
    END LOOP;
    chosen := ARRAY(
        SELECT id FROM procrastinate_jobs WHERE id = ANY (chosen) AND status = 'todo' AND scheduled_at IS NULL
        ORDER BY -priority::bigint, id FOR UPDATE SKIP LOCKED);
    -- What was reckoned with, and no more: needs may have changed until the job was locked. They can't from here on
    -- (whoever changes a job's locks the job, too).
    chosen := ARRAY(
        SELECT j.id FROM procrastinate_jobs j WHERE j.id = ANY (chosen) AND sfa_needs(j.id, j.task_name) = reckoned -> j.id::text
        ORDER BY -j.priority::bigint, j.id);
    DELETE FROM resource_waits WHERE job_id = ANY (chosen);
    RETURN chosen;
END $$;

CREATE VIEW sfa_resources AS
    SELECT r.host, r.name, r.capacity,
           (SELECT coalesce(sum((l.held ->> r.name)::numeric), 0) FROM leases l
            WHERE l.held ? r.name AND r.host IN (sfa_lease_host(l.worker), '*')) AS used,
           wait.jobs AS waiting, wait.since AS waiting_since
    FROM resources r CROSS JOIN LATERAL (
        SELECT count(*) AS jobs, min(since) AS since FROM resource_waits w JOIN procrastinate_jobs j ON j.id = w.job_id
        WHERE w.needs ? r.name AND r.host IN (w.host, '*') AND j.status = 'todo' AND w.seen_at > now() - interval '10 seconds') wait;

-- Who holds what now.
CREATE VIEW sfa_holdings AS
    SELECT r.host, r.name, r.capacity, (l.held ->> r.name)::numeric AS amount, coalesce(j.args ->> 'job_id', j.id::text) AS job,
           j.task_name AS kind, j.queue_name AS queue, l.worker, l.acquired_at AS since, j.id AS queue_job_id
    FROM resources r JOIN leases l ON l.held ? r.name AND r.host IN (sfa_lease_host(l.worker), '*')
    JOIN procrastinate_jobs j ON j.id = l.job_id;

-- Of a queue: how many of its jobs were passed over lately for want of room, and for want of what. A claim notes twenty.
CREATE FUNCTION sfa_short(_queue text, OUT jobs bigint, OUT names text[]) LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT count(DISTINCT w.job_id), array_agg(DISTINCT need.name ORDER BY need.name)
    FROM resource_waits w JOIN procrastinate_jobs j ON j.id = w.job_id, jsonb_object_keys(w.needs) AS need (name)
    WHERE j.queue_name = _queue AND j.status = 'todo' AND w.seen_at > now() - interval '10 seconds'
$$;

-- Why what is ready in a queue does not start; NULL: nothing is ready, or it is about to start.
CREATE FUNCTION sfa_obstacle(_queue queues, _ready bigint, _running bigint, _workers bigint, _short bigint) RETURNS text
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT CASE
        WHEN _ready = 0 THEN NULL
        WHEN (_queue).paused THEN 'paused'
        WHEN (_queue).breaker = 'open' THEN 'breaker'
        WHEN _workers = 0 THEN 'worker'
        WHEN (_queue).breaker = 'half_open' THEN 'trial'
        WHEN _running >= (_queue).global_concurrency THEN 'limit'
        WHEN _running >= (_queue).concurrency * _workers THEN 'busy'
        WHEN _short > 0 THEN 'resource'
        WHEN NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queue_name = (_queue).name AND status = 'todo' AND scheduled_at IS NULL AND lock IS NULL)
             AND NOT EXISTS (SELECT FROM sfa_lock_walk((_queue).name, '', 1)) THEN 'lock' END
$$;
