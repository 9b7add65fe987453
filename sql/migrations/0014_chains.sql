-- What follows what: a job that is linked to another waits until that has completed. The rule where it does not complete: a
-- job whose predecessor fails for good or is cancelled is cancelled with it, and so on along the chain; sending the
-- predecessor back (sfa_retry) sends back what was cancelled with it. Where no job is linked, nothing here costs anything.

-- By queue rows' ids. A waiting job that has links is held: its queue row is scheduled for the year 9999, and whatever
-- somebody schedules it for meanwhile goes to not_before.
CREATE TABLE job_links (
    job_id bigint NOT NULL,
    after_id bigint NOT NULL,
    not_before timestamptz,
    -- The job was cancelled because this predecessor did not complete.
    broken boolean NOT NULL DEFAULT false,
    PRIMARY KEY (job_id, after_id)
);
CREATE INDEX job_links_after_idx ON job_links (after_id);

CREATE FUNCTION sfa_link_check() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    before procrastinate_job_status;
    job procrastinate_jobs;
BEGIN
    -- Its end waits for this transaction, and finds the link then; or this one waits for its end.
    SELECT status INTO before FROM procrastinate_jobs WHERE id = NEW.after_id FOR SHARE;
    IF before = 'succeeded' THEN
        RETURN NULL;
    ELSIF before IN ('failed', 'cancelled', 'aborted') THEN
        PERFORM sfa_refuse('job_links_after_alive', format('job %s has %s: nothing can follow it', NEW.after_id, before), 'Send it back first: SELECT sfa_retry(id).');
    ELSIF before IS NULL AND NOT EXISTS (SELECT FROM sfa_jobs WHERE queue_job_id = NEW.after_id) THEN
        PERFORM sfa_refuse('job_links_after_exists', format('there is no job %s to follow', NEW.after_id));
    END IF;
    SELECT * INTO job FROM procrastinate_jobs WHERE id = NEW.job_id FOR UPDATE;
    IF job.status <> 'todo' THEN
        PERFORM sfa_refuse('job_links_job_waits', format('job %s does not wait any more: it can follow nothing', NEW.job_id));
    END IF;
    IF EXISTS (
        WITH RECURSIVE before (id) AS (
            SELECT NEW.after_id UNION SELECT l.after_id FROM job_links l JOIN before b ON l.job_id = b.id)
        SELECT FROM before WHERE id = NEW.job_id) THEN
        PERFORM sfa_refuse('job_links_no_circle', format('job %s cannot follow job %s, which follows it', NEW.job_id, NEW.after_id));
    END IF;
    IF NEW.not_before IS NULL THEN
        NEW.not_before := CASE WHEN job.scheduled_at < timestamptz '9999-01-01 00:00+00' THEN job.scheduled_at
                               ELSE (SELECT max(not_before) FROM job_links WHERE job_id = NEW.job_id) END;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_link_check BEFORE INSERT ON job_links FOR EACH ROW EXECUTE FUNCTION sfa_link_check();

CREATE FUNCTION sfa_link_hold() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE procrastinate_jobs SET scheduled_at = '9999-01-01 00:00+00' WHERE id = NEW.job_id;
    IF NOT FOUND THEN
        -- Its queue row is about to be written: sfa_queue_before_insert looks.
        PERFORM set_config('sfa.linking', 'on', true);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_link_hold AFTER INSERT ON job_links FOR EACH ROW EXECUTE FUNCTION sfa_link_hold();

-- Lets a waiting job follow another as well. False: that one has completed, there is nothing to wait for.
CREATE FUNCTION sfa_follow(_job text, _after text) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH linked AS (
        INSERT INTO job_links (job_id, after_id) VALUES (sfa_queue_id(_job), sfa_queue_id(_after)) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT EXISTS (SELECT FROM linked)
$$;
CREATE FUNCTION sfa_follow(_job uuid, _after uuid) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_follow(_job::text, _after::text) $$;
CREATE FUNCTION sfa_follow(_job bigint, _after bigint) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_follow(_job::text, _after::text) $$;

-- Lets a job follow nothing: it starts when it may. False: it followed nothing.
CREATE FUNCTION sfa_unfollow(_job text) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    queue_id bigint := sfa_queue_id(_job);
    until timestamptz;
BEGIN
    PERFORM FROM procrastinate_jobs WHERE id = queue_id FOR UPDATE;
    SELECT max(not_before) INTO until FROM job_links WHERE job_id = queue_id;
    DELETE FROM job_links WHERE job_id = queue_id;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE procrastinate_jobs SET scheduled_at = CASE WHEN until > now() THEN until END WHERE id = queue_id AND status = 'todo';
    RETURN true;
END $$;
CREATE FUNCTION sfa_unfollow(_job uuid) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_unfollow(_job::text) $$;
CREATE FUNCTION sfa_unfollow(_job bigint) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$ SELECT sfa_unfollow(_job::text) $$;

-- With the INSERT of a job: the column `after` of its table names the job (of any kind) that it follows.
CREATE FUNCTION sfa_job_after() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    before bigint;
BEGIN
    SELECT queue_job_id INTO before FROM sfa_jobs WHERE id = NEW.after;
    IF before IS NULL THEN
        PERFORM sfa_refuse('job_links_after_exists', format('there is no job "%s" to follow', NEW.after), 'SELECT id, kind, status FROM sfa_jobs lists them.');
    END IF;
    INSERT INTO job_links (job_id, after_id, not_before) VALUES (NEW.queue_job_id, before, NEW.scheduled_at);
    RETURN NULL;
END $$;
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN after uuid', t);
        EXECUTE format('CREATE TRIGGER sfa_job_linked AFTER INSERT ON %I FOR EACH ROW WHEN (NEW.after IS NOT NULL) EXECUTE FUNCTION sfa_job_after()', t);
        UPDATE job_kinds SET arguments = arguments || '{after}' WHERE domain_table = t;
    END LOOP;
END $$;

-- Cancels what waits for jobs that will not complete, and says why in its row. The links stay, for the predecessor may be
-- sent back.
CREATE FUNCTION sfa_chain_break(_jobs bigint[]) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target text;
    moved_jobs bigint[];
BEGIN
    WITH moved AS (
        UPDATE procrastinate_jobs SET status = 'cancelled', scheduled_at = NULL WHERE id = ANY (_jobs) AND status = 'todo' RETURNING id
    )
    SELECT array_agg(id) INTO moved_jobs FROM moved;
    FOR target IN SELECT DISTINCT k.domain_table FROM procrastinate_jobs j JOIN job_kinds k USING (task_name) WHERE j.id = ANY (moved_jobs) LOOP
        PERFORM set_config('sfa.mirroring', 'on', true);
        EXECUTE format('UPDATE %I SET error = $2 WHERE queue_job_id = ANY ($1) AND status = ''cancelled''', target)
            USING moved_jobs, 'the job before it did not complete';
        PERFORM set_config('sfa.mirroring', '', true);
    END LOOP;
END $$;

CREATE FUNCTION sfa_queue_chain() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    jobs bigint[];
    back bigint[];
    job record;
BEGIN
    IF NOT EXISTS (SELECT FROM job_links) THEN
        RETURN NULL;
    END IF;
    -- Completed: what followed it, and follows nothing else, may start. Two predecessors that end at once: the second one's
    -- transaction waits for the first one's at the job's row.
    jobs := ARRAY(SELECT j.id FROM procrastinate_jobs j WHERE j.id IN (
        SELECT l.job_id FROM job_links l JOIN new_rows n ON n.id = l.after_id WHERE n.status = 'succeeded') ORDER BY j.id FOR UPDATE);
    IF jobs <> '{}' THEN
        FOR job IN
            DELETE FROM job_links l USING new_rows n WHERE l.after_id = n.id AND n.status = 'succeeded' AND l.job_id = ANY (jobs)
            RETURNING l.job_id, l.not_before
        LOOP
            UPDATE procrastinate_jobs SET scheduled_at = CASE WHEN job.not_before > now() THEN job.not_before END
            WHERE id = job.job_id AND status = 'todo' AND NOT EXISTS (SELECT FROM job_links l WHERE l.job_id = job.job_id);
        END LOOP;
    END IF;
    -- Not completed, for good: all that follows along the chain at once, for a chain can be longer than triggers can nest.
    jobs := ARRAY(
        WITH RECURSIVE behind (id) AS (
            SELECT l.job_id FROM job_links l JOIN new_rows n ON n.id = l.after_id WHERE n.status IN ('failed', 'cancelled', 'aborted')
            UNION
            SELECT l.job_id FROM behind b JOIN procrastinate_jobs j ON j.id = b.id AND j.status = 'todo' JOIN job_links l ON l.after_id = b.id)
        SELECT j.id FROM procrastinate_jobs j WHERE j.id IN (SELECT id FROM behind) ORDER BY j.id FOR UPDATE);
    IF jobs <> '{}' THEN
        -- What had been cancelled with another predecessor lacks this one, too, now; what somebody cancelled stays as it is.
        UPDATE job_links l SET broken = true FROM procrastinate_jobs b, procrastinate_jobs j
        WHERE l.job_id = ANY (jobs) AND NOT l.broken AND b.id = l.after_id AND j.id = l.job_id
          AND (b.status IN ('failed', 'cancelled', 'aborted') OR b.status = 'todo' AND b.id = ANY (jobs))
          AND (j.status = 'todo' OR j.status = 'cancelled' AND EXISTS (SELECT FROM job_links other WHERE other.job_id = l.job_id AND other.broken));
        PERFORM sfa_chain_break(jobs);
    END IF;
    -- Sent back: so is what was cancelled with it, link by link, where nothing else before it is missing, and where the same
    -- work has not been asked for anew since.
    IF current_setting('sfa.sending_back', true) IS DISTINCT FROM 'on' THEN
        jobs := ARRAY(SELECT n.id FROM new_rows n JOIN old_rows o USING (id)
                      WHERE n.status = 'todo' AND o.status IN ('failed', 'cancelled', 'aborted'));
        WHILE jobs <> '{}' LOOP
            back := '{}';
            FOR job IN
                SELECT DISTINCT l.job_id FROM job_links l WHERE l.after_id = ANY (jobs) AND l.broken ORDER BY 1
            LOOP
                -- Whoever ends another one before it waits here, and finds it waiting; or is waited for, and seen by the next statement.
                PERFORM FROM procrastinate_jobs WHERE id = job.job_id FOR UPDATE;
                CONTINUE WHEN EXISTS (
                    SELECT FROM job_links other JOIN procrastinate_jobs b ON b.id = other.after_id
                    WHERE other.job_id = job.job_id AND b.status IN ('failed', 'cancelled', 'aborted'));
                PERFORM set_config('sfa.sending_back', 'on', true);
                BEGIN
                    UPDATE procrastinate_jobs SET status = 'todo', attempts = 0, abort_requested = false, scheduled_at = '9999-01-01 00:00+00'
                    WHERE id = job.job_id AND status = 'cancelled';
                    UPDATE job_links SET broken = false WHERE job_id = job.job_id;
                    back := back || job.job_id;
                EXCEPTION WHEN unique_violation THEN
                    RAISE NOTICE 'job % stays cancelled: %', job.job_id, SQLERRM;
                END;
                PERFORM set_config('sfa.sending_back', '', true);
            END LOOP;
            jobs := back;
        END LOOP;
    END IF;
    -- What waits and has links is held, whatever it was scheduled for; it can't be sent back before what it follows.
    FOR job IN
        SELECT n.id, n.scheduled_at, (SELECT max(b.id) FROM job_links l JOIN procrastinate_jobs b ON b.id = l.after_id
                                      WHERE l.job_id = n.id AND b.status IN ('failed', 'cancelled', 'aborted')) AS gone
        FROM new_rows n
        WHERE n.status = 'todo' AND n.scheduled_at IS DISTINCT FROM '9999-01-01 00:00+00' AND EXISTS (SELECT FROM job_links l WHERE l.job_id = n.id)
    LOOP
        IF job.gone IS NOT NULL THEN
            PERFORM sfa_refuse('job_links_after_alive', format('job %s follows job %s, which did not complete', job.id, job.gone), 'Send that one back: SELECT sfa_retry(id); or let this one follow nothing: SELECT sfa_unfollow(id).');
        END IF;
        UPDATE job_links SET not_before = job.scheduled_at WHERE job_id = job.id;
        UPDATE procrastinate_jobs SET scheduled_at = '9999-01-01 00:00+00' WHERE id = job.id;
    END LOOP;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_queue_chain AFTER UPDATE ON procrastinate_jobs
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_queue_chain();

CREATE FUNCTION sfa_chain_after_delete() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    jobs bigint[];
BEGIN
    IF EXISTS (SELECT FROM job_links) THEN
        DELETE FROM job_links l USING old_rows o WHERE l.job_id = o.id;
        WITH gone AS (DELETE FROM job_links l USING old_rows o WHERE l.after_id = o.id RETURNING l.job_id)
        SELECT array_agg(job_id) INTO jobs FROM gone;
        PERFORM sfa_chain_break(jobs) WHERE jobs IS NOT NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_chain_after_delete AFTER DELETE ON procrastinate_jobs
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_chain_after_delete();

CREATE VIEW sfa_links AS
    SELECT coalesce(j.args ->> 'job_id', j.id::text) AS job, j.task_name AS kind, sfa_job_status(j.status, false) AS status,
           coalesce(b.args ->> 'job_id', b.id::text) AS after, b.task_name AS after_kind, sfa_job_status(b.status, false) AS after_status,
           l.not_before, l.broken, l.job_id AS queue_job_id, l.after_id AS after_queue_job_id
    FROM job_links l JOIN procrastinate_jobs j ON j.id = l.job_id JOIN procrastinate_jobs b ON b.id = l.after_id;
