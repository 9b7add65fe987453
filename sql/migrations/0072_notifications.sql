-- What a user should hear of, once an event: a job that failed for good, stems that are ready, an import that is listed, a
-- batch that is over. Kept here, with a read mark; on the page, and where the user wants it by mail.

CREATE TABLE notifications (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    -- What happened, in a form that is the same for the same event: it is told once.
    event text NOT NULL,
    kind text NOT NULL,
    title text NOT NULL,
    body text NOT NULL DEFAULT '',
    link text NOT NULL DEFAULT '/',
    track_id uuid REFERENCES tracks ON DELETE CASCADE,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz,
    mailed_at timestamptz,
    CONSTRAINT notifications_once UNIQUE (user_id, event),
    CONSTRAINT notifications_kind_known CHECK (kind IN ('failed', 'ready', 'import', 'batch', 'cleanup')),
    CONSTRAINT notifications_link_local CHECK (link ~ '^/([^/]|$)')
);
CREATE INDEX notifications_page_idx ON notifications (user_id, id DESC);
CREATE INDEX notifications_unread_idx ON notifications (user_id) WHERE read_at IS NULL;
CREATE INDEX notifications_track_idx ON notifications (track_id);

-- Which kinds a user wants by mail, and in which language mails are: the one of the pages, when that was last chosen. No
-- row: none, in English.
CREATE TABLE notification_settings (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    by_mail text[] NOT NULL DEFAULT '{}',
    language text NOT NULL DEFAULT 'en',
    CONSTRAINT notification_settings_language CHECK (language ~ '^[a-z]{2}$'),
    CONSTRAINT notification_settings_kinds CHECK (by_mail <@ '{failed,ready,import,batch,cleanup}')
);

-- Tell a user of an event; twice is once. True: it is new.
CREATE FUNCTION sfa_tell(_user integer, _event text, _kind text, _title text, _body text, _link text, _track uuid DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO notifications (user_id, event, kind, title, body, link, track_id)
    VALUES (_user, _event, _kind, left(_title, 300), left(coalesce(_body, ''), 2000), _link, _track) ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM pg_notify('sfa_changed', 'notifications:' || _user);
    END IF;
    RETURN FOUND;
END $$;

-- The user's, up to an id (all: NULL); how many.
CREATE FUNCTION sfa_read(_user integer, _until bigint DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    marked bigint;
BEGIN
    UPDATE notifications SET read_at = now() WHERE user_id = _user AND read_at IS NULL AND (_until IS NULL OR id <= _until);
    GET DIAGNOSTICS marked = ROW_COUNT;
    IF marked > 0 THEN
        PERFORM pg_notify('sfa_changed', 'notifications:' || _user);
    END IF;
    RETURN marked;
END $$;

-- ---------------------------------------------------------------- what happens

-- A job of a track has ended. Of a batch's members only the batch is told, when the last one has ended.
CREATE FUNCTION sfa_tell_job() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    title text := (SELECT title FROM tracks WHERE id = NEW.track_id);
    what text := CASE TG_TABLE_NAME WHEN 'download_jobs' THEN 'The download' WHEN 'analysis_jobs' THEN 'The analysis' ELSE 'The separation' END;
BEGIN
    IF NEW.status = 'failed' THEN
        PERFORM sfa_tell(NEW.user_id, format('failed:%s:%s', NEW.id, extract(epoch FROM NEW.finished_at)), 'failed',
            format('%s of “%s” failed', what, title), NEW.error, '/jobs/' || NEW.id, NEW.track_id);
    ELSE
        PERFORM sfa_tell(NEW.user_id, 'ready:' || NEW.id, 'ready', format('The stems of “%s” are ready', title), '', '/tracks/' || NEW.track_id, NEW.track_id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_tell_job AFTER UPDATE OF status ON download_jobs FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status = 'failed') EXECUTE FUNCTION sfa_tell_job();
CREATE TRIGGER sfa_tell_job AFTER UPDATE OF status ON analysis_jobs FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status = 'failed' AND NOT NEW.in_batch) EXECUTE FUNCTION sfa_tell_job();
CREATE TRIGGER sfa_tell_job AFTER UPDATE OF status ON processing_jobs FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND (NEW.status = 'failed' OR NEW.status = 'completed' AND NEW.operation <> 'export') AND NOT NEW.in_batch)
    EXECUTE FUNCTION sfa_tell_job();

-- A batch's counts changed: pages are woken; of its last member's end its owner hears. Once a statement and batch: a cancelled
-- batch of thousands is counted once, not once a member.
CREATE FUNCTION sfa_tell_batch() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    b record;
BEGIN
    IF NOT EXISTS (SELECT FROM new_rows WHERE in_batch) THEN
        RETURN NULL;
    END IF;
    PERFORM pg_notify('sfa_changed', 'batch:' || moved.id) FROM (
        SELECT DISTINCT m.batch_id AS id FROM new_rows n JOIN old_rows o USING (id) JOIN batch_members m ON m.job_id = n.id
        WHERE n.in_batch AND n.status <> o.status) moved;
    -- Locked in one order: of two last members that end at the same moment one sees the other's end.
    FOR b IN
        SELECT j.id FROM batch_jobs j WHERE j.id IN (
            SELECT m.batch_id FROM new_rows n JOIN old_rows o USING (id) JOIN batch_members m ON m.job_id = n.id
            WHERE n.in_batch AND n.status <> o.status AND n.status IN ('completed', 'failed', 'cancelled'))
        ORDER BY j.id FOR NO KEY UPDATE
    LOOP
        PERFORM sfa_tell(s.user_id, format('batch:%s:%s', s.id, s.completed), 'batch',
            CASE WHEN s.title IS NULL THEN format('A batch is over: %s of %s done', s.completed, s.total)
                 ELSE format('%s: %s of %s done', s.title, s.completed, s.total) END,
            CASE WHEN s.failed > 0 THEN format('%s failed', s.failed) ELSE '' END, '/batches/' || s.id)
        FROM sfa_batches s WHERE s.id = b.id AND s.status <> 'running';
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_tell_batch AFTER UPDATE ON analysis_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_tell_batch();
CREATE TRIGGER sfa_tell_batch AFTER UPDATE ON processing_jobs REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_tell_batch();

CREATE FUNCTION sfa_tell_import() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status = 'failed' THEN
        PERFORM sfa_tell(NEW.user_id, format('import-failed:%s:%s', NEW.id, extract(epoch FROM NEW.finished_at)), 'import',
            format('The import of “%s” failed', coalesce(NEW.title, NEW.address)), NEW.error, '/imports/' || NEW.id);
    ELSE
        PERFORM sfa_tell(NEW.user_id, 'import:' || NEW.id, 'import', format('“%s” is listed: %s tracks', coalesce(NEW.title, NEW.address), coalesce(NEW.total, 0)),
            CASE WHEN NEW.choose THEN 'Choose what to download.' ELSE '' END, '/imports/' || NEW.id);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_tell_import AFTER UPDATE OF status ON imports FOR EACH ROW
    WHEN (OLD.status <> NEW.status AND NEW.status IN ('failed', 'completed')) EXECUTE FUNCTION sfa_tell_import();
