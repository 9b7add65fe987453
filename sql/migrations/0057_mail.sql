-- Mails are jobs, on the queue `default`. Their text lies among the secrets (mail:<id>), because it may hold a link that
-- signs in; it is forgotten when the mail is sent. Without a mail server they are kept, for the mail box page.

CREATE TABLE mails (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'mail' REFERENCES job_kinds DEFERRABLE INITIALLY DEFERRED,
    recipient text NOT NULL,
    subject text NOT NULL,
    -- True: there was no mail server, so nobody got it.
    kept boolean NOT NULL DEFAULT false,
    status job_status NOT NULL DEFAULT 'waiting',
    progress real NOT NULL DEFAULT 0,
    stage text,
    error text,
    error_kind error_kind,
    attempt integer NOT NULL DEFAULT 0,
    priority integer NOT NULL DEFAULT 0,
    scheduled_at timestamptz,
    queue_job_id bigint NOT NULL UNIQUE,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT mails_recipient_format CHECK (recipient ~ '^[^@\s]+@[^@\s]+$' AND length(recipient) <= 320),
    -- One line: a line break would begin another header.
    CONSTRAINT mails_subject_line CHECK (subject ~ '^[^\r\n]{1,200}$'),
    CONSTRAINT mails_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT mails_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT mails_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX mails_page_idx ON mails (inserted_at DESC, id DESC);

-- Greylisting asks for minutes, a mail server that is down for hours: eight tries are spread over half a day.
INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts, retry_base, backoff_cap) VALUES
    ('mail', 'default', 'mails', '{recipient,subject}', 8, 60, 14400);

CREATE FUNCTION sfa_mail_before_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status <> 'waiting' THEN
        PERFORM sfa_refuse('mails_starts_waiting', format('a new job is "waiting", not "%s": its status follows the queue', NEW.status));
    END IF;
    IF NEW.queue_job_id IS NULL THEN
        NEW.queue_job_id := nextval('procrastinate_jobs_id_seq');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_job_before_insert BEFORE INSERT ON mails FOR EACH ROW EXECUTE FUNCTION sfa_mail_before_insert();
CREATE TRIGGER sfa_job_after_insert AFTER INSERT ON mails REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_insert();
CREATE TRIGGER sfa_job_after_delete AFTER DELETE ON mails REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_delete();
CREATE TRIGGER sfa_job_guard_status BEFORE UPDATE OF status ON mails FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION sfa_job_guard_status();
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE ON mails FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_topic('mails');

-- A text goes with its mail.
CREATE FUNCTION sfa_mail_after_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM secrets s USING old_rows o WHERE coalesce(s.user_id, 0) = 0 AND s.name = 'mail:' || o.id;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_mail_after_delete AFTER DELETE ON mails REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_mail_after_delete();
