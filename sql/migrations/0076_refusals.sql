-- What may be written by hand, and what somebody who reads it later would stumble over, is refused where it is written.

-- ---------------------------------------------------------------- moments that no calendar has

-- 'infinity' and the year 20000 are times to PostgreSQL and to hardly anybody else: one such row, and no page that lists it could be
-- read. From 9999 on a job is held (sfa_job_links).
SELECT set_config('sfa.mirroring', 'on', true);
UPDATE procrastinate_jobs SET scheduled_at = CASE WHEN scheduled_at >= '1970-01-01 00:00+00' THEN timestamptz '9998-12-31 00:00+00' END
WHERE scheduled_at NOT BETWEEN '1970-01-01 00:00+00' AND '9999-01-01 00:00+00';
ALTER TABLE procrastinate_jobs ADD CONSTRAINT procrastinate_jobs_scheduled_at_range
    CHECK (scheduled_at BETWEEN timestamptz '1970-01-01 00:00+00' AND timestamptz '9999-01-01 00:00+00');

DO $$
DECLARE
    moment record;
BEGIN
    FOR moment IN
        SELECT c.table_name AS "table", c.column_name AS "column" FROM information_schema.columns c
        WHERE c.table_schema = current_schema() AND (
            c.column_name = 'scheduled_at' AND c.table_name IN (SELECT domain_table FROM job_kinds)
            OR c.column_name = 'inserted_at' AND c.table_name IN ('tracks', 'batch_jobs', 'cue_points', 'notifications')
            OR c.column_name = 'inserted_at' AND c.table_name IN (SELECT domain_table FROM job_kinds)
            OR c.column_name IN ('next_run', 'last_run') AND c.table_name = 'schedules')
    LOOP
        EXECUTE format(
            $q$UPDATE %1$I SET %2$I = CASE WHEN %2$I < now() OR %3$L THEN now() ELSE timestamptz '9998-12-31 00:00+00' END
               WHERE NOT (%2$I >= timestamptz '1970-01-01 00:00+00' AND %2$I < timestamptz '9999-01-01 00:00+00')$q$,
            moment.table, moment.column, moment.column = 'inserted_at');
        EXECUTE format(
            $q$ALTER TABLE %1$I ADD CONSTRAINT %3$I CHECK (%2$I >= timestamptz '1970-01-01 00:00+00' AND %2$I < timestamptz '9999-01-01 00:00+00')$q$,
            moment.table, moment.column, moment.table || '_' || moment.column || '_range');
    END LOOP;
END $$;
SELECT set_config('sfa.mirroring', '', true);

-- ---------------------------------------------------------------- a queue that kinds of jobs run on

-- Without its row, or under another name, nothing would ever take what waits there.
CREATE FUNCTION sfa_queue_kept() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM sfa_refuse('queues_of_kinds_stay', format('queue "%s" is where jobs of these kinds run, and so it keeps its row and its name: %s', OLD.name,
                (SELECT string_agg(task_name, ', ' ORDER BY task_name) FROM job_kinds WHERE queue_name = OLD.name)),
            format('To stop it: UPDATE queues SET paused = true WHERE name = %L.', OLD.name))
    WHERE EXISTS (SELECT FROM job_kinds WHERE queue_name = OLD.name);
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER sfa_queue_kept BEFORE DELETE ON queues FOR EACH ROW EXECUTE FUNCTION sfa_queue_kept();
CREATE TRIGGER sfa_queue_renamed BEFORE UPDATE OF name ON queues FOR EACH ROW WHEN (NEW.name <> OLD.name) EXECUTE FUNCTION sfa_queue_kept();

-- ---------------------------------------------------------------- a batch of tracks that do not exist

CREATE OR REPLACE FUNCTION sfa_batch_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    missing uuid[];
BEGIN
    IF NEW.track_ids IS NULL AND NEW.import_id IS NOT NULL THEN
        NEW.track_ids := ARRAY(SELECT track_id FROM import_items i JOIN tracks t ON t.id = i.track_id
                               WHERE i.import_id = NEW.import_id AND t.audio_key IS NOT NULL ORDER BY position);
        NEW.title := coalesce(NEW.title, (SELECT title FROM imports WHERE id = NEW.import_id));
    END IF;
    IF NEW.track_ids IS NULL OR cardinality(NEW.track_ids) = 0 THEN
        PERFORM sfa_refuse('batch_jobs_tracks_given', 'a batch needs track_ids, or an import_id whose tracks have been downloaded');
    END IF;
    missing := ARRAY(SELECT DISTINCT u.id FROM unnest(NEW.track_ids) u (id) WHERE NOT EXISTS (SELECT FROM tracks t WHERE t.id = u.id));
    IF cardinality(missing) = (SELECT count(DISTINCT u.id) FROM unnest(NEW.track_ids) u (id)) THEN
        PERFORM sfa_refuse('batch_jobs_tracks_exist', format('none of track_ids is a track: %s', array_to_string(missing[1:3], ', ')), 'SELECT id, title FROM tracks lists them.');
    ELSIF cardinality(missing) > 0 THEN
        -- One that was deleted a moment ago must not stop the others.
        RAISE WARNING '% of track_ids are no tracks and are left out: %', cardinality(missing), array_to_string(missing[1:3], ', ');
    END IF;
    NEW.user_id := coalesce((SELECT user_id FROM tracks WHERE id = ANY (NEW.track_ids) ORDER BY id LIMIT 1), NEW.user_id);
    IF EXISTS (SELECT FROM tracks WHERE id = ANY (NEW.track_ids) AND user_id <> NEW.user_id) THEN
        PERFORM sfa_refuse('batch_jobs_one_owner', 'the tracks of a batch belong to one user');
    END IF;
    RETURN NEW;
END $$;

-- ---------------------------------------------------------------- args that are no object

CREATE OR REPLACE FUNCTION sfa_enqueue(_kind text, _args jsonb DEFAULT '{}') RETURNS uuid LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
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
    IF jsonb_typeof(_args) IS DISTINCT FROM 'object' THEN
        PERFORM sfa_refuse('procrastinate_jobs_args_object', format('args of task "%s" must be a JSON object', _kind), 'Its keys: ' || array_to_string(kind.arguments, ', ') || '.');
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

-- ---------------------------------------------------------------- one that can't be sent back harms none of the others

-- How many start afresh. One that can't (the same work is active already, or what it follows did not complete) is passed over.
CREATE OR REPLACE FUNCTION sfa_retry_many(_jobs bigint[]) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    job bigint;
    retried bigint := 0;
BEGIN
    FOR job IN SELECT id FROM procrastinate_jobs WHERE id = ANY (_jobs) ORDER BY id LOOP
        BEGIN
            retried := retried + sfa_retry(job)::int;
        EXCEPTION WHEN unique_violation OR check_violation THEN
            RAISE NOTICE '%', SQLERRM;
        END;
    END LOOP;
    RETURN retried;
END $$;
