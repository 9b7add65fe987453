-- What runs by the clock: a schedule is a row that anybody may INSERT, change, pause or run now. Each tick is one job,
-- however many workers there are: whoever finds it due locks the row, enqueues the job and moves next_run on, in one
-- transaction, by the database's clock.

-- ---------------------------------------------------------------- cron expressions

-- The numbers that one field of a cron expression means: * , lists, ranges, steps, names.
CREATE FUNCTION sfa_cron_field(_field text, _what text, _low integer, _high integer, _names text[] DEFAULT '{}') RETURNS integer[]
LANGUAGE plpgsql IMMUTABLE SET search_path FROM CURRENT AS $$
DECLARE
    part text;
    m text[];
    bounds integer[];
    found integer[] := '{}';
BEGIN
    FOREACH part IN ARRAY string_to_array(_field, ',') LOOP
        m := regexp_match(part, '^(\*|[0-9]{1,2}|[a-z]{3})(?:-([0-9]{1,2}|[a-z]{3}))?(?:/([1-9][0-9]{0,2}))?$', 'i');
        IF m IS NULL OR m[1] = '*' AND m[2] IS NOT NULL THEN
            PERFORM sfa_refuse('schedules_cron_form', format('"%s" is no %s of a cron expression', part, _what),
                'Five fields: minute hour day month weekday, each *, a number, a list, a range or a step, as in "*/15 8-18 * * MON-FRI".');
        END IF;
        bounds := ARRAY(
            SELECT CASE WHEN word = '*' THEN _low WHEN word ~ '^\d' THEN word::integer
                        ELSE array_position(_names, upper(word)) - 1 + CASE WHEN _low = 0 THEN 0 ELSE 1 END END
            FROM unnest(ARRAY[m[1], coalesce(m[2], m[1])]) WITH ORDINALITY AS w (word, place) ORDER BY place);
        IF m[1] = '*' OR m[2] IS NULL AND m[3] IS NOT NULL THEN
            bounds[2] := _high;
        END IF;
        -- The week may end with Sunday: FRI-SUN.
        IF _high = 7 AND bounds[2] = 0 AND bounds[1] > 0 THEN
            bounds[2] := 7;
        END IF;
        IF bounds[1] IS NULL OR bounds[2] IS NULL OR bounds[1] < _low OR bounds[2] > _high OR bounds[1] > bounds[2] THEN
            PERFORM sfa_refuse('schedules_cron_form', format('"%s" is no %s of a cron expression: they go from %s to %s', part, _what, _low, _high));
        END IF;
        found := found || ARRAY(SELECT n FROM generate_series(bounds[1], bounds[2], coalesce(m[3]::integer, 1)) n);
    END LOOP;
    IF _high = 7 THEN
        found := ARRAY(SELECT n % 7 FROM unnest(found) n);
    END IF;
    RETURN ARRAY(SELECT DISTINCT n FROM unnest(found) n ORDER BY n);
END $$;

-- The first time after _after that the expression means in that time zone. As Vixie's cron: where day and weekday are both
-- given, either will do. Where clocks are put forward, what falls into the gap comes that much later; where they are put
-- back, a given hour comes once (the first time) and every hour's comes twice.
CREATE FUNCTION sfa_cron_next(_cron text, _zone text, _after timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE SET search_path FROM CURRENT AS $$
DECLARE
    fields text[] := regexp_split_to_array(btrim(CASE lower(btrim(_cron))
        WHEN '@hourly' THEN '0 * * * *' WHEN '@daily' THEN '0 0 * * *' WHEN '@midnight' THEN '0 0 * * *' WHEN '@weekly' THEN '0 0 * * 0'
        WHEN '@monthly' THEN '0 0 1 * *' WHEN '@yearly' THEN '0 0 1 1 *' WHEN '@annually' THEN '0 0 1 1 *' ELSE _cron END), '\s+');
    minutes integer[];
    hours integer[];
    days integer[];
    months integer[];
    weekdays integer[];
    day date;
    last date;
    found timestamptz;
BEGIN
    IF cardinality(fields) IS DISTINCT FROM 5 THEN
        PERFORM sfa_refuse('schedules_cron_form', format('"%s" is no cron expression: it has not five fields', _cron),
            'Five fields: minute hour day month weekday, as in "*/15 8-18 * * MON-FRI", or @hourly, @daily, @weekly, @monthly, @yearly.');
    END IF;
    minutes := sfa_cron_field(fields[1], 'minute', 0, 59);
    hours := sfa_cron_field(fields[2], 'hour', 0, 23);
    days := sfa_cron_field(fields[3], 'day', 1, 31);
    months := sfa_cron_field(fields[4], 'month', 1, 12, '{JAN,FEB,MAR,APR,MAY,JUN,JUL,AUG,SEP,OCT,NOV,DEC}');
    weekdays := sfa_cron_field(fields[5], 'weekday', 0, 7, '{SUN,MON,TUE,WED,THU,FRI,SAT}');
    day := (_after AT TIME ZONE _zone)::date - 1;
    last := day + 9 * 366;  -- 29 February comes at least every eight years
    WHILE day < last LOOP
        IF extract(month FROM day)::integer <> ALL (months) THEN
            day := (date_trunc('month', day) + interval '1 month')::date;
            CONTINUE;
        END IF;
        IF (CASE WHEN fields[3] LIKE '*%' OR fields[5] LIKE '*%'
                THEN extract(day FROM day)::integer = ANY (days) AND extract(dow FROM day)::integer = ANY (weekdays)
                ELSE extract(day FROM day)::integer = ANY (days) OR extract(dow FROM day)::integer = ANY (weekdays) END) THEN
            -- Of a time that comes twice the server takes the second; the first is that much earlier.
            SELECT min(i.at) INTO found
            FROM unnest(hours) hour, unnest(minutes) minute,
                 LATERAL (SELECT day + make_interval(hours => hour, mins => minute) AS local) l,
                 LATERAL (SELECT l.local AT TIME ZONE _zone AS late) t,
                 LATERAL (SELECT CASE WHEN (t.late - interval '1 hour') AT TIME ZONE _zone = l.local THEN t.late - interval '1 hour'
                                      WHEN (t.late - interval '30 minutes') AT TIME ZONE _zone = l.local THEN t.late - interval '30 minutes' END AS early) e,
                 LATERAL (SELECT coalesce(e.early, t.late) AS at UNION ALL SELECT t.late WHERE cardinality(hours) = 24) i
            WHERE i.at > _after;
            IF found IS NOT NULL THEN
                RETURN found;
            END IF;
        END IF;
        day := day + 1;
    END LOOP;
    RETURN NULL;
END $$;

-- ---------------------------------------------------------------- schedules

-- What becomes of ticks that nobody was there for. once: one run for all of them. skip: none. all: one run each.
CREATE TYPE schedule_missed AS ENUM ('once', 'skip', 'all');

CREATE TABLE schedules (
    name text PRIMARY KEY,
    cron text NOT NULL,
    time_zone text NOT NULL DEFAULT 'UTC',
    task_name text NOT NULL,
    queue_name text NOT NULL REFERENCES queues ON UPDATE CASCADE,
    args jsonb NOT NULL DEFAULT '{}',
    priority integer NOT NULL DEFAULT 0,
    missed schedule_missed NOT NULL DEFAULT 'once',
    -- Whether a run may begin while the one before is not over. If not, its tick is passed over.
    overlap boolean NOT NULL DEFAULT false,
    paused boolean NOT NULL DEFAULT false,
    -- Reckoned from cron and time zone; may be set by hand for once. NULL while it is paused.
    next_run timestamptz,
    last_run timestamptz,
    last_job bigint,
    -- Ticks passed over since the last run, and why the last tick brought no job.
    skipped integer NOT NULL DEFAULT 0,
    last_error text,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedules_name_length CHECK (length(name) BETWEEN 1 AND 100),
    CONSTRAINT schedules_args_object CHECK (jsonb_typeof(args) = 'object'),
    CONSTRAINT schedules_paused_has_no_next CHECK (paused = (next_run IS NULL))
);

CREATE FUNCTION sfa_schedule_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    kind job_kinds;
    unknown text;
BEGIN
    SELECT * INTO kind FROM job_kinds WHERE task_name = NEW.task_name;
    IF FOUND THEN
        NEW.queue_name := kind.queue_name;
        SELECT key INTO unknown FROM jsonb_object_keys(CASE jsonb_typeof(NEW.args) WHEN 'object' THEN NEW.args ELSE '{}' END) key WHERE key <> ALL (kind.arguments) LIMIT 1;
        IF FOUND THEN
            PERFORM sfa_refuse('schedules_args_known', format('unknown key "%s" in args of task "%s"', unknown, NEW.task_name), 'Allowed keys: ' || array_to_string(kind.arguments, ', ') || '.');
        END IF;
    ELSE
        NEW.queue_name := coalesce(NEW.queue_name, 'default');
    END IF;
    BEGIN
        PERFORM now() AT TIME ZONE NEW.time_zone;
    EXCEPTION WHEN OTHERS THEN
        PERFORM sfa_refuse('schedules_time_zone_known', format('there is no time zone "%s"', NEW.time_zone), 'SELECT name FROM pg_timezone_names lists them, "Europe/Berlin" for one.');
    END;
    IF sfa_cron_next(NEW.cron, NEW.time_zone, now()) IS NULL THEN
        PERFORM sfa_refuse('schedules_cron_comes', format('the time "%s" never comes', NEW.cron));
    END IF;
    IF NEW.paused THEN
        NEW.next_run := NULL;
    ELSE
        IF TG_OP = 'UPDATE' AND (NEW.cron, NEW.time_zone) IS DISTINCT FROM (OLD.cron, OLD.time_zone) AND NEW.next_run IS NOT DISTINCT FROM OLD.next_run THEN
            NEW.next_run := NULL;
        END IF;
        NEW.next_run := coalesce(NEW.next_run, sfa_cron_next(NEW.cron, NEW.time_zone, now()));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_schedule_fill BEFORE INSERT OR UPDATE OF cron, time_zone, task_name, queue_name, args, paused, next_run ON schedules
    FOR EACH ROW WHEN (current_setting('sfa.ticking', true) IS DISTINCT FROM 'on') EXECUTE FUNCTION sfa_schedule_fill();

CREATE FUNCTION sfa_notify_schedules() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('sfa_changed', 'schedules');
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE OR DELETE ON schedules
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_schedules();

-- One job of a schedule: its queue row's id.
CREATE FUNCTION sfa_schedule_enqueue(_schedule schedules) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, args)
    VALUES (_schedule.queue_name, _schedule.task_name, _schedule.priority, _schedule.args) RETURNING id
$$;

-- Enqueues what is due; how many jobs. A schedule that can't be enqueued says why in last_error and keeps none of the others.
CREATE FUNCTION sfa_tick_v1() RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    s schedules;
    job bigint;
    reason text;
    ticked integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM schedules WHERE next_run <= now()) THEN
        RETURN 0;
    END IF;
    FOR s IN SELECT * FROM schedules WHERE next_run <= now() ORDER BY next_run, name FOR UPDATE SKIP LOCKED LOOP
        job := NULL;
        reason := NULL;
        IF NOT s.overlap AND EXISTS (SELECT FROM procrastinate_jobs WHERE id = s.last_job AND status IN ('todo', 'doing')) THEN
            CONTINUE WHEN s.missed = 'all';  -- it comes when that one is over
            reason := 'the run before is not over';
        ELSIF s.missed = 'skip' AND s.next_run < now() - interval '1 minute' THEN
            reason := 'nobody was there at the time';
        ELSE
            BEGIN
                job := sfa_schedule_enqueue(s);
                ticked := ticked + 1;
            EXCEPTION WHEN OTHERS THEN
                reason := SQLERRM;
            END;
        END IF;
        PERFORM set_config('sfa.ticking', 'on', true);
        UPDATE schedules SET
            next_run = sfa_cron_next(cron, time_zone, CASE missed WHEN 'all' THEN next_run ELSE now() END),
            last_run = CASE WHEN job IS NULL THEN last_run ELSE now() END,
            last_job = coalesce(job, last_job),
            skipped = CASE WHEN job IS NULL THEN skipped + 1 ELSE 0 END,
            last_error = reason
        WHERE name = s.name;
        PERFORM set_config('sfa.ticking', '', true);
    END LOOP;
    RETURN ticked;
END $$;

-- Runs a schedule now, beside its ticks, paused or not; the queue row's id.
CREATE FUNCTION sfa_schedule_run(_name text) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    s schedules;
    job bigint;
BEGIN
    SELECT * INTO s FROM schedules WHERE name = _name FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no schedule "%"', _name USING ERRCODE = 'no_data_found', HINT = 'SELECT name FROM schedules lists them.';
    END IF;
    job := sfa_schedule_enqueue(s);
    UPDATE schedules SET last_run = now(), last_job = job, skipped = 0, last_error = NULL WHERE name = _name;
    RETURN job;
END $$;

CREATE VIEW sfa_schedules AS
    SELECT s.name, s.cron, s.time_zone, s.task_name AS task, s.queue_name AS queue, s.args, s.paused, s.next_run, s.last_run,
           CASE WHEN j.id IS NOT NULL THEN sfa_job_status(j.status, false) END AS last_status, s.skipped, s.last_error, s.last_job
    FROM schedules s LEFT JOIN procrastinate_jobs j ON j.id = s.last_job;

-- ---------------------------------------------------------------- the house's own

-- Jobs that are 'doing' without a lease, whose worker (Procrastinate's own) is gone or has been silent for a minute: what
-- a lease can't tell of. It counts as a crash.
CREATE FUNCTION sfa_rescue_v1() RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    job record;
    rescued integer := 0;
BEGIN
    FOR job IN
        SELECT j.id FROM procrastinate_jobs j LEFT JOIN procrastinate_workers w ON w.id = j.worker_id
        WHERE j.status = 'doing' AND NOT EXISTS (SELECT FROM leases l WHERE l.job_id = j.id)
          AND (w.id IS NULL OR w.last_heartbeat < now() - interval '1 minute')
          AND EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = j.id AND e.type = 'started' HAVING max(e.at) < now() - interval '1 minute')
        ORDER BY j.id LIMIT 1000 FOR UPDATE OF j SKIP LOCKED
    LOOP
        INSERT INTO leases (job_id, token, worker_id, worker, expires_at) VALUES (job.id, gen_random_uuid(), 0, 'procrastinate', now());
        rescued := rescued + (SELECT sfa_lose_v1(array_agg(l.job_id), array_agg(l.token), 'the worker died without a lease') FROM leases l WHERE l.job_id = job.id);
    END LOOP;
    RETURN rescued;
END $$;

INSERT INTO schedules (name, cron, task_name) VALUES
    ('housekeeping', '17 * * * *', 'housekeeping'),
    ('rescue', '*/5 * * * *', 'rescue');
