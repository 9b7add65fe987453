-- Many tracks, one operation: a batch is an INSERT, its members are jobs. One progress, partial failure, retry of what
-- failed, cancel of all. A job that is at the same work already is a member as it is: nothing is done twice.

CREATE TABLE batch_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL DEFAULT sfa_local_owner() REFERENCES users ON DELETE CASCADE,
    title text,
    operation text NOT NULL DEFAULT 'separate',
    model text REFERENCES models,
    options jsonb NOT NULL DEFAULT '{}',
    preview boolean NOT NULL DEFAULT false,
    fallback text REFERENCES models,
    priority integer NOT NULL DEFAULT 0,
    -- What each member needs, and the job that each of them follows.
    needs jsonb,
    after uuid,
    -- The tracks, or the import (an album, a playlist) whose tracks they are.
    track_ids uuid[],
    import_id uuid REFERENCES imports ON DELETE SET NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT batch_jobs_operation_known CHECK (operation IN ('analyze', 'separate', 'multistem', 'demuser', 'voice_clean', 'voice_change')),
    CONSTRAINT batch_jobs_options_object CHECK (jsonb_typeof(options) = 'object'),
    -- An analysis takes them as args: they say how, never whose or which.
    CONSTRAINT batch_jobs_options_say_how CHECK (NOT options ?| '{track_id,user_id,priority,scheduled_at,needs,after}'),
    CONSTRAINT batch_jobs_model_given CHECK ((operation = 'analyze') = (model IS NULL)),
    CONSTRAINT batch_jobs_size CHECK (cardinality(track_ids) BETWEEN 1 AND 10000)
);
CREATE INDEX batch_jobs_page_idx ON batch_jobs (user_id, inserted_at DESC, id DESC);

-- job_id NULL: refused, and reason says why.
CREATE TABLE batch_members (
    batch_id uuid NOT NULL REFERENCES batch_jobs ON DELETE CASCADE,
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    position integer NOT NULL,
    job_id uuid,
    reason text,
    PRIMARY KEY (batch_id, track_id),
    CONSTRAINT batch_members_refused_says_why CHECK (job_id IS NOT NULL OR reason IS NOT NULL)
);
CREATE INDEX batch_members_job_idx ON batch_members (job_id);
CREATE INDEX batch_members_track_idx ON batch_members (track_id);
-- The page of a batch reads a hundred members, in the order of its tracks.
CREATE INDEX batch_members_page_idx ON batch_members (batch_id, position);

CREATE FUNCTION sfa_batch_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.track_ids IS NULL AND NEW.import_id IS NOT NULL THEN
        NEW.track_ids := ARRAY(SELECT track_id FROM import_items i JOIN tracks t ON t.id = i.track_id
                               WHERE i.import_id = NEW.import_id AND t.audio_key IS NOT NULL ORDER BY position);
        NEW.title := coalesce(NEW.title, (SELECT title FROM imports WHERE id = NEW.import_id));
    END IF;
    IF NEW.track_ids IS NULL OR cardinality(NEW.track_ids) = 0 THEN
        PERFORM sfa_refuse('batch_jobs_tracks_given', 'a batch needs track_ids, or an import_id whose tracks have been downloaded');
    END IF;
    NEW.user_id := coalesce((SELECT user_id FROM tracks WHERE id = ANY (NEW.track_ids) ORDER BY id LIMIT 1), NEW.user_id);
    IF EXISTS (SELECT FROM tracks WHERE id = ANY (NEW.track_ids) AND user_id <> NEW.user_id) THEN
        PERFORM sfa_refuse('batch_jobs_one_owner', 'the tracks of a batch belong to one user');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_fill BEFORE INSERT ON batch_jobs FOR EACH ROW EXECUTE FUNCTION sfa_batch_fill();

-- Enqueue one member; its job, or why not.
CREATE FUNCTION sfa_batch_enqueue(_batch batch_jobs, _track uuid, OUT job uuid, OUT reason text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF _batch.operation = 'analyze' THEN
        job := sfa_enqueue('analysis', _batch.options || jsonb_strip_nulls(jsonb_build_object(
            'track_id', _track, 'priority', _batch.priority, 'needs', _batch.needs, 'after', _batch.after)));
    ELSE
        job := sfa_enqueue(
            CASE (SELECT engine FROM models WHERE name = _batch.model) WHEN 'lalalai' THEN 'lalalai' ELSE 'processing' END,
            jsonb_strip_nulls(jsonb_build_object('track_id', _track, 'model', _batch.model, 'operation', _batch.operation, 'options', _batch.options,
                'preview', _batch.preview, 'fallback', _batch.fallback, 'priority', _batch.priority,
                'needs', _batch.needs, 'after', _batch.after)));
        UPDATE processing_jobs SET in_batch = true WHERE id = job AND NOT in_batch;
    END IF;
    UPDATE analysis_jobs SET in_batch = true WHERE id = job AND NOT in_batch;
EXCEPTION WHEN integrity_constraint_violation OR data_exception THEN
    job := NULL;
    reason := regexp_replace(SQLERRM, ' \(rule "[a-z_]+"\)$', '');
END $$;

CREATE FUNCTION sfa_batch_begin() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    member record;
    made record;
BEGIN
    -- In the order of their ids: two batches over the same tracks don't deadlock.
    FOR member IN
        SELECT DISTINCT ON (t.id) t.id, u.position FROM unnest(NEW.track_ids) WITH ORDINALITY u (id, position) JOIN tracks t USING (id) ORDER BY t.id, u.position
    LOOP
        made := sfa_batch_enqueue(NEW, member.id);
        INSERT INTO batch_members (batch_id, track_id, position, job_id, reason) VALUES (NEW.id, member.id, member.position, made.job, made.reason);
    END LOOP;
    PERFORM pg_notify('sfa_changed', 'batch:' || NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_begin AFTER INSERT ON batch_jobs FOR EACH ROW EXECUTE FUNCTION sfa_batch_begin();

ALTER TABLE processing_jobs ADD COLUMN in_batch boolean NOT NULL DEFAULT false;
ALTER TABLE analysis_jobs ADD COLUMN in_batch boolean NOT NULL DEFAULT false;

-- ---------------------------------------------------------------- for people

CREATE VIEW sfa_batch_members AS
    SELECT m.batch_id, m.position, m.track_id, t.title, m.job_id, coalesce(p.status, a.status)::text AS job_status,
           CASE WHEN m.job_id IS NULL THEN 'refused' ELSE coalesce(p.status::text, a.status::text, 'cancelled') END AS status,
           coalesce(p.progress, a.progress, 0) AS progress, coalesce(p.stage, a.stage) AS stage, coalesce(m.reason, p.error, a.error) AS error,
           coalesce(p.scheduled_at, a.scheduled_at) AS scheduled_at, coalesce(p.finished_at, a.finished_at) AS finished_at
    FROM batch_members m JOIN tracks t ON t.id = m.track_id
    LEFT JOIN processing_jobs p ON p.id = m.job_id LEFT JOIN analysis_jobs a ON a.id = m.job_id;

-- status: running; completed (all of them), partial (some), failed (none), cancelled.
CREATE VIEW sfa_batches AS
    SELECT b.id, b.user_id, b.title, b.operation, b.model, b.options, b.import_id, b.inserted_at, b.after, b.needs, c.*,
           CASE WHEN c.active > 0 THEN 'running' WHEN c.completed = c.total THEN 'completed' WHEN c.completed > 0 THEN 'partial'
                WHEN c.cancelled = c.total THEN 'cancelled' ELSE 'failed' END AS status
    FROM batch_jobs b, LATERAL (
        SELECT count(*) AS total,
               count(*) FILTER (WHERE status IN ('waiting', 'running', 'retrying')) AS active,
               count(*) FILTER (WHERE status = 'waiting') AS waiting,
               count(*) FILTER (WHERE status = 'running') AS running,
               count(*) FILTER (WHERE status = 'retrying') AS retrying,
               count(*) FILTER (WHERE status = 'refused') AS refused,
               count(*) FILTER (WHERE status = 'completed') AS completed,
               count(*) FILTER (WHERE status IN ('failed', 'refused')) AS failed,
               count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
               round(coalesce(avg(CASE WHEN status IN ('waiting', 'running', 'retrying') THEN progress ELSE 100 END), 100)::numeric, 1) AS progress,
               max(finished_at) AS finished_at
        FROM sfa_batch_members m WHERE m.batch_id = b.id) c;

-- Every job that still waits or runs; how many.
CREATE FUNCTION sfa_batch_cancel(_batch uuid) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    SELECT sfa_cancel_many(ARRAY(SELECT job_id FROM sfa_batch_members WHERE batch_id = _batch AND status IN ('waiting', 'running', 'retrying')))
$$;

-- What failed or was refused starts afresh, and with _cancelled what was cancelled, too (a job that was deleted counts as
-- that); how many.
CREATE FUNCTION sfa_batch_retry(_batch uuid, _cancelled boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    batch batch_jobs;
    member record;
    made record;
    retried bigint;
BEGIN
    SELECT * INTO batch FROM batch_jobs WHERE id = _batch FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no batch "%"', _batch USING ERRCODE = 'no_data_found', HINT = 'SELECT id, title, status FROM sfa_batches lists them.';
    END IF;
    retried := sfa_retry_many(ARRAY(SELECT job_id FROM sfa_batch_members WHERE batch_id = _batch AND (job_status = 'failed' OR _cancelled AND job_status = 'cancelled')));
    FOR member IN SELECT track_id FROM sfa_batch_members
                  WHERE batch_id = _batch AND job_status IS NULL AND (status = 'refused' OR _cancelled) ORDER BY track_id
    LOOP
        made := sfa_batch_enqueue(batch, member.track_id);
        UPDATE batch_members SET job_id = made.job, reason = made.reason WHERE batch_id = _batch AND track_id = member.track_id;
        retried := retried + (made.job IS NOT NULL)::int;
    END LOOP;
    PERFORM pg_notify('sfa_changed', 'batch:' || _batch);
    RETURN retried;
END $$;

-- ---------------------------------------------------------------- NOTIFY wakes: whose counts may have changed

-- A job is deleted; its end, and its beginning, are told by sfa_tell_batch.
CREATE FUNCTION sfa_notify_batch() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('sfa_changed', 'batch:' || batch_id) FROM batch_members WHERE job_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_batch AFTER DELETE ON analysis_jobs FOR EACH ROW WHEN (OLD.in_batch) EXECUTE FUNCTION sfa_notify_batch();
CREATE TRIGGER sfa_notify_batch AFTER DELETE ON processing_jobs FOR EACH ROW WHEN (OLD.in_batch) EXECUTE FUNCTION sfa_notify_batch();

-- A track goes, and its membership with it.
CREATE FUNCTION sfa_notify_batch_smaller() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('sfa_changed', 'batch:' || batch_id) FROM (SELECT DISTINCT batch_id FROM gone) g;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_batch AFTER DELETE ON batch_members REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_batch_smaller();
