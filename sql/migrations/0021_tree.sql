-- The tree of processes, as rows: supervisord's programs (written by the event listener of each host), the workers'
-- supervisors and pools and the children in them (written by each worker), and what went wrong (incidents).

-- One row a program of one host's supervisord; state is supervisord's word.
CREATE TABLE programs (
    host text NOT NULL,
    name text NOT NULL,
    state text NOT NULL,
    pid integer,
    rss bigint,
    -- How it ended, where it does not run: by itself, or by whose signal.
    exit_code integer,
    signal text,
    -- Unexpected ends within the listener's window, and how many it allows before it holds the program back.
    restarts integer NOT NULL DEFAULT 0,
    max_restarts integer NOT NULL,
    window_seconds real NOT NULL,
    -- Held back: when the listener starts it again.
    next_start_at timestamptz,
    since timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, name),
    CONSTRAINT programs_state_known CHECK (
        state IN ('STOPPED', 'STARTING', 'RUNNING', 'BACKOFF', 'STOPPING', 'EXITED', 'FATAL', 'UNKNOWN'))
) WITH (fillfactor = 50);

-- exited: a program ended that should not have. fatal: supervisord gave it up. held: it ended too often within its
-- window and waits. revived: it was started again after its pause. escalated: a worker gave up on itself.
CREATE TABLE incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    host text NOT NULL,
    program text NOT NULL,
    event text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT incidents_event_known CHECK (event IN ('exited', 'fatal', 'held', 'revived', 'escalated', 'tripped', 'closed'))
);
CREATE INDEX incidents_at_idx ON incidents (at DESC);

-- A breaker that opens, and one that closes again, are incidents of a queue, wherever its workers are.
CREATE FUNCTION sfa_breaker_incident() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO incidents (host, program, event, detail)
    VALUES ('', NEW.name, CASE NEW.breaker WHEN 'open' THEN 'tripped' ELSE 'closed' END,
            jsonb_strip_nulls(jsonb_build_object('why', NEW.breaker_why, 'trips', nullif(NEW.breaker_trips, 0),
                'seconds', round(extract(epoch FROM NEW.breaker_until - now())))));
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_breaker_incident AFTER UPDATE OF breaker ON queues
    FOR EACH ROW WHEN (NEW.breaker IS DISTINCT FROM OLD.breaker AND NEW.breaker IN ('open', 'closed')) EXECUTE FUNCTION sfa_breaker_incident();

-- What restarts what inside a worker: its own services (name 'services'), and a pool a port and device.
CREATE TABLE supervisors (
    worker_id bigint NOT NULL REFERENCES workers ON DELETE CASCADE,
    name text NOT NULL,
    strategy text NOT NULL,
    size integer,
    -- The worker's own memory, in the row of its services.
    rss bigint,
    restarts integer NOT NULL DEFAULT 0,
    max_restarts integer NOT NULL,
    window_seconds real NOT NULL,
    PRIMARY KEY (worker_id, name)
) WITH (fillfactor = 50);

CREATE TABLE port_children (
    worker_id bigint NOT NULL REFERENCES workers ON DELETE CASCADE,
    pid integer NOT NULL,
    port text NOT NULL,
    device text NOT NULL DEFAULT 'cpu',
    state text NOT NULL,
    rss bigint NOT NULL DEFAULT 0,
    calls integer NOT NULL DEFAULT 0,
    queue_job_id bigint,
    started_at timestamptz NOT NULL,
    PRIMARY KEY (worker_id, pid),
    CONSTRAINT port_children_state_known CHECK (state IN ('starting', 'idle', 'busy', 'stopping'))
) WITH (fillfactor = 50);

-- A worker's whole picture of itself in one statement; what is not in it any more goes. The page hears of it on
-- 'sfa_tree' where more than memory has changed.
CREATE FUNCTION sfa_report_v1(_worker bigint, _supervisors jsonb, _children jsonb, _changed boolean) RETURNS void
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH me AS (SELECT id, name FROM workers WHERE id = _worker),
    s AS (
        SELECT me.id AS worker_id, t.* FROM me, jsonb_to_recordset(_supervisors)
            AS t (name text, strategy text, size integer, rss bigint, restarts integer, max_restarts integer, window_seconds real)
    ), c AS (
        SELECT me.id AS worker_id, t.* FROM me, jsonb_to_recordset(_children)
            AS t (pid integer, port text, device text, state text, rss bigint, calls integer, queue_job_id bigint, age real)
    ), fewer_s AS (
        DELETE FROM supervisors o WHERE worker_id = _worker AND name NOT IN (SELECT name FROM s)
    ), fewer_c AS (
        DELETE FROM port_children o WHERE worker_id = _worker AND pid NOT IN (SELECT pid FROM c)
    ), more_s AS (
        INSERT INTO supervisors SELECT worker_id, name, strategy, size, rss, restarts, max_restarts, window_seconds FROM s
        ON CONFLICT (worker_id, name) DO UPDATE SET strategy = excluded.strategy, size = excluded.size, rss = excluded.rss,
            restarts = excluded.restarts, max_restarts = excluded.max_restarts, window_seconds = excluded.window_seconds
    ), more_c AS (
        INSERT INTO port_children (worker_id, pid, port, device, state, rss, calls, queue_job_id, started_at)
        SELECT worker_id, pid, port, device, state, rss, calls, queue_job_id, now() - make_interval(secs => age) FROM c
        ON CONFLICT (worker_id, pid) DO UPDATE SET port = excluded.port, device = excluded.device, state = excluded.state,
            rss = excluded.rss, calls = excluded.calls, queue_job_id = excluded.queue_job_id
    )
    SELECT pg_notify('sfa_tree', me.name) FROM me WHERE _changed
$$;

-- ORDER BY path reads as a tree. A worker that was silent for as long as its leases last is shown as that, with all that is
-- below it: nobody knows what became of them. A worker that runs without supervisord is a root of its own.
CREATE VIEW sfa_tree AS
    WITH alive AS (
        SELECT w.*, CASE WHEN w.seen_at > now() - w.lease THEN 'running' ELSE 'silent' END AS state,
               ARRAY[w.host, w.name, 'worker ' || w.id] AS path
        FROM workers w
    )
    SELECT ARRAY[p.host, p.name] AS path, 1 AS depth, 'program' AS kind, p.host, p.name,
           CASE WHEN p.seen_at > now() - interval '30 seconds' THEN lower(p.state) ELSE 'silent' END AS state,
           p.pid, p.rss, p.restarts, p.max_restarts, p.window_seconds, NULL::integer AS calls, NULL::bigint AS queue_job_id,
           NULL::text AS job_kind, NULL::interval AS lease_age, NULL::interval AS lease_left, p.since, p.next_start_at,
           CASE WHEN p.pid IS NULL THEN coalesce(p.signal, 'exit code ' || p.exit_code) END AS ended
    FROM programs p
    UNION ALL
    SELECT w.path, 2, 'worker', w.host, w.name, w.state, w.pid, s.rss, s.restarts, s.max_restarts, s.window_seconds,
           NULL, NULL, NULL, NULL, NULL, w.started_at, NULL, NULL
    FROM alive w LEFT JOIN supervisors s ON s.worker_id = w.id AND s.name = 'services'
    UNION ALL
    SELECT w.path || s.name, 3, 'pool', w.host, s.name, w.state, NULL, NULL, s.restarts, s.max_restarts, s.window_seconds,
           NULL, NULL, NULL, NULL, NULL, w.started_at, NULL, NULL
    FROM alive w JOIN supervisors s ON s.worker_id = w.id AND s.name <> 'services'
    UNION ALL
    SELECT w.path || (c.port || '/' || c.device) || ('child ' || c.pid), 4, 'child', w.host, c.port,
           CASE w.state WHEN 'silent' THEN w.state ELSE c.state END, c.pid, c.rss, NULL, NULL, NULL,
           c.calls, l.job_id, j.task_name, now() - l.acquired_at, l.expires_at - now(), c.started_at, NULL, NULL
    FROM alive w JOIN port_children c ON c.worker_id = w.id
    LEFT JOIN leases l ON l.job_id = c.queue_job_id AND l.worker_id = w.id
    LEFT JOIN procrastinate_jobs j ON j.id = l.job_id
    UNION ALL
    -- Jobs that no child works on at the moment.
    SELECT w.path || ('job ' || l.job_id), 3, 'job', w.host, j.task_name, w.state, NULL, NULL, NULL, NULL, NULL,
           NULL, l.job_id, j.task_name, now() - l.acquired_at, l.expires_at - now(), l.acquired_at, NULL, NULL
    FROM alive w JOIN leases l ON l.worker_id = w.id JOIN procrastinate_jobs j ON j.id = l.job_id
    WHERE NOT EXISTS (SELECT FROM port_children c WHERE c.worker_id = w.id AND c.queue_job_id = l.job_id);
