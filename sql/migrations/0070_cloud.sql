-- lalal.ai: separations in the cloud. They are processing jobs of the model `lalalai`, with a queue of their own; a job
-- uploads, asks for a task, and gives up its slot. One check for all open tasks of an account wakes whoever is done.

INSERT INTO queues (name, concurrency) VALUES ('cloud', 4);
-- Its steps are cheap to take again, and none is billed again: more crashes than elsewhere.
-- Faults of the network and the service: 30 s, doubling to ten minutes.
INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts, max_crashes, retry_base, backoff_cap) VALUES
    ('lalalai', 'cloud', 'processing_jobs', '{track_id,model,operation,options,preview,fallback,needs,after}', 10, 10, 30, 600);
UPDATE job_kinds SET arguments = arguments || '{fallback}' WHERE task_name = 'processing';
INSERT INTO models (name, engine, stems, description) VALUES
    ('lalalai', 'lalalai', '{vocals,drums,piano,bass,electric_guitar,acoustic_guitar,synth,strings,wind}',
     'lalal.ai in the cloud: nine stems, one or several at a time; costs minutes of a licence');

-- The model that takes over where this one fails: the cloud for this machine, or this machine for the cloud.
ALTER TABLE processing_jobs ADD COLUMN fallback text REFERENCES models,
    ADD COLUMN fell_back_from uuid REFERENCES processing_jobs ON DELETE SET NULL;

-- The voices a song can be sung in. user_id NULL: everybody's; else the packs of that user's own account.
CREATE TABLE voice_packs (
    pack_id text NOT NULL,
    user_id integer REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    created_at timestamptz,
    CONSTRAINT voice_packs_identity UNIQUE NULLS NOT DISTINCT (pack_id, user_id)
);
INSERT INTO voice_packs (pack_id, name) VALUES
    ('ALEX_KAYE', 'Alex Kaye'), ('STASIA_FAYE', 'Stasia Faye'), ('NICOLAAS_HAAS', 'Nicolaas Haas'), ('NIK_ZEL', 'Nik Zel'),
    ('OLIA_CHEBO', 'Olia Chebo'), ('YVAR_DE_GROOT', 'Yvar de Groot'), ('VETRANA', 'Vetrana');

-- An account is known by the first 16 digits of its key's sha256; the key itself is never here.
CREATE TABLE cloud_accounts (
    account text PRIMARY KEY,
    checked_at timestamptz,
    paused_until timestamptz,
    minutes_left numeric,
    minutes_at timestamptz,
    CONSTRAINT cloud_accounts_name CHECK (account ~ '^[0-9a-f]{16}$')
);

-- What lies there: one upload serves every operation on the same audio until it expires.
CREATE TABLE cloud_sources (
    source_id uuid PRIMARY KEY,
    account text NOT NULL REFERENCES cloud_accounts,
    user_id integer REFERENCES users ON DELETE SET NULL,
    track_id uuid REFERENCES tracks ON DELETE SET NULL,
    audio_key text NOT NULL,
    preview boolean NOT NULL,
    seconds double precision NOT NULL,
    expires_at timestamptz NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cloud_sources_seconds CHECK (seconds >= 0)
);
CREATE INDEX cloud_sources_audio_idx ON cloud_sources (account, audio_key, preview);
CREATE INDEX cloud_sources_track_idx ON cloud_sources (track_id);

-- How far a job's work there is. Each step is written before the next one is taken, by the holder of the lease only.
CREATE TABLE cloud_tasks (
    processing_job_id uuid PRIMARY KEY REFERENCES processing_jobs ON DELETE CASCADE,
    account text NOT NULL REFERENCES cloud_accounts,
    user_id integer NOT NULL,
    source_id uuid,
    -- The key is written before the request is sent, and sent again as long as no task is known: it is billed once.
    idempotency_key uuid NOT NULL DEFAULT gen_random_uuid(),
    asked_at timestamptz,
    task_id uuid UNIQUE,
    status text,
    progress real NOT NULL DEFAULT 0,
    answer jsonb,
    fetched jsonb NOT NULL DEFAULT '{}',
    minutes numeric,
    checked_at timestamptz,
    ended_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cloud_tasks_status_known CHECK (status IN ('progress', 'success', 'error', 'cancelled', 'server_error', 'unknown')),
    CONSTRAINT cloud_tasks_progress_range CHECK (progress BETWEEN 0 AND 100)
);
CREATE INDEX cloud_tasks_open_idx ON cloud_tasks (account) WHERE task_id IS NOT NULL AND ended_at IS NULL;
CREATE INDEX cloud_tasks_source_idx ON cloud_tasks (source_id);

-- How many minutes a month a user lets the cloud cost; NULL: everybody who has no row of his own. No row: no limit.
CREATE TABLE cloud_limits (
    user_id integer REFERENCES users ON DELETE CASCADE,
    minutes_per_month numeric NOT NULL,
    CONSTRAINT cloud_limits_one_a_user UNIQUE NULLS NOT DISTINCT (user_id),
    CONSTRAINT cloud_limits_minutes CHECK (minutes_per_month >= 0)
);

-- What a user allows himself of that, by his own hand: a guard against one's own mistakes.
CREATE TABLE cloud_own_limits (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    minutes_per_month numeric NOT NULL,
    CONSTRAINT cloud_own_limits_minutes CHECK (minutes_per_month BETWEEN 0 AND 100000)
);

-- ---------------------------------------------------------------- what it costs

-- Minutes that a job will be billed: the length, times the stems of a multistem. NULL: the track's length is unknown.
CREATE FUNCTION sfa_cloud_price(_track uuid, _operation processing_operation, _options jsonb DEFAULT '{}', _preview boolean DEFAULT false)
RETURNS numeric LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT round(CASE WHEN _preview THEN least(duration_ms, 60000) ELSE duration_ms END / 60000.0
        * CASE WHEN _operation = 'multistem' AND jsonb_typeof(_options -> 'stems') = 'array' THEN jsonb_array_length(_options -> 'stems') ELSE 1 END, 2)
    FROM tracks WHERE id = _track
$$;

-- A user's minutes of this month: spent, and allowed (NULL: without a limit).
CREATE FUNCTION sfa_cloud_minutes(_user integer, OUT spent numeric, OUT allowed numeric) LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((SELECT sum(minutes) FROM cloud_tasks
                     WHERE user_id = _user AND inserted_at >= date_trunc('month', now()) AND asked_at IS NOT NULL
                       AND (status IS NULL OR status IN ('progress', 'success'))), 0),
           least((SELECT minutes_per_month FROM cloud_limits WHERE user_id = _user OR user_id IS NULL ORDER BY user_id NULLS LAST LIMIT 1),
                 (SELECT minutes_per_month FROM cloud_own_limits WHERE user_id = _user))
$$;

-- ---------------------------------------------------------------- one INSERT is one job

-- Options by operation, all optional but for `voice`:
-- separate: stem (vocals), splitter, dereverb, lead_back (lead and backing vocals apart), level (deep | clear), format
-- multistem: stems (1 to 6), splitter, dereverb, level, format
-- demuser: splitter, dereverb, format · voice_clean: noise (0–2), splitter, dereverb, format
-- voice_change: voice (a voice pack), accent (0–1), tonality (source | voice), dereverb, format
-- each: max_minutes, more than which the job may not cost.
CREATE FUNCTION sfa_cloud_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    o jsonb := NEW.options;
    allowed text[];
    several text[] := '{vocals,drums,piano,bass,electric_guitar,acoustic_guitar}';
    stem text := coalesce(o ->> 'stem', 'vocals');
    key text;
    price numeric := sfa_cloud_price(NEW.track_id, NEW.operation, o, NEW.preview);
    budget record;
BEGIN
    allowed := CASE NEW.operation
        WHEN 'separate' THEN '{stem,splitter,dereverb,lead_back,level,format,max_minutes}'::text[]
        WHEN 'multistem' THEN '{stems,splitter,dereverb,level,format,max_minutes}'
        WHEN 'demuser' THEN '{splitter,dereverb,format,max_minutes}'
        WHEN 'voice_clean' THEN '{noise,splitter,dereverb,format,max_minutes}'
        WHEN 'voice_change' THEN '{voice,accent,tonality,dereverb,format,max_minutes}' END;
    IF allowed IS NULL THEN
        PERFORM sfa_refuse('processing_jobs_operation_available', format('lalal.ai does not do "%s"', NEW.operation), 'separate, multistem, demuser, voice_clean or voice_change');
    END IF;
    SELECT k INTO key FROM jsonb_object_keys(o) k WHERE k <> ALL (allowed) LIMIT 1;
    IF FOUND THEN
        PERFORM sfa_refuse('processing_jobs_options_known', format('lalal.ai''s %s has no option "%s"', NEW.operation, key), 'Options: ' || array_to_string(allowed, ', ') || '.');
    END IF;
    IF NOT stem = ANY ((SELECT stems FROM models WHERE name = NEW.model)::text[]) THEN
        PERFORM sfa_refuse('processing_jobs_stems_of_model', format('lalal.ai has no stem "%s"', stem), 'vocals, drums, piano, bass, electric_guitar, acoustic_guitar, synth, strings or wind');
    END IF;
    IF NEW.operation = 'multistem' AND (jsonb_typeof(o -> 'stems') IS DISTINCT FROM 'array' OR jsonb_array_length(o -> 'stems') NOT BETWEEN 1 AND 6
        OR NOT several @> ARRAY(SELECT jsonb_array_elements_text(o -> 'stems'))
        OR (SELECT count(DISTINCT s) <> count(*) FROM jsonb_array_elements_text(o -> 'stems') s)) THEN
        PERFORM sfa_refuse('processing_jobs_stems_of_model', 'a multistem needs options.stems: one to six different ones', array_to_string(several, ', '));
    END IF;
    IF NOT coalesce(o ->> 'splitter' IN ('andromeda', 'perseus', 'orion', 'phoenix', 'lyra'), true)
       OR NEW.operation = 'separate' AND stem IN ('synth', 'strings', 'wind') AND coalesce(o ->> 'splitter', 'phoenix') <> 'phoenix' THEN
        PERFORM sfa_refuse('processing_jobs_splitter_known', format('options.splitter cannot be "%s" here', o ->> 'splitter'), 'andromeda, perseus, orion, phoenix or lyra; synth, strings and wind: phoenix only; none: the newest for the stem');
    END IF;
    IF NOT coalesce(o ->> 'level' IN ('deep', 'clear'), true) THEN
        PERFORM sfa_refuse('processing_jobs_level_known', 'options.level is "deep" or "clear"');
    END IF;
    IF NOT coalesce(o ->> 'format' IN ('mp3', 'wav', 'flac', 'aac', 'ogg'), true) THEN
        PERFORM sfa_refuse('processing_jobs_format_known', format('options.format cannot be "%s"', o ->> 'format'), 'mp3, wav, flac, aac or ogg; none: as the source');
    END IF;
    SELECT k INTO key FROM unnest('{dereverb,lead_back}'::text[]) k WHERE o ? k AND jsonb_typeof(o -> k) <> 'boolean' LIMIT 1;
    IF FOUND THEN
        PERFORM sfa_refuse('processing_jobs_options_boolean', format('options.%s is true or false', key));
    END IF;
    IF NEW.operation = 'separate' AND stem <> 'vocals' AND ((o ->> 'dereverb')::boolean OR (o ->> 'lead_back')::boolean) THEN
        PERFORM sfa_refuse('processing_jobs_vocals_only', 'options.dereverb and options.lead_back are for vocals only');
    END IF;
    IF o ? 'noise' AND o -> 'noise' NOT IN ('0', '1', '2') THEN
        PERFORM sfa_refuse('processing_jobs_noise_range', 'options.noise is 0, 1 or 2');
    END IF;
    IF NEW.operation = 'voice_change' THEN
        IF NOT EXISTS (SELECT FROM voice_packs v WHERE v.pack_id = o ->> 'voice'
                       AND (v.user_id IS NULL OR v.user_id = (SELECT user_id FROM tracks WHERE id = NEW.track_id))) THEN
            PERFORM sfa_refuse('processing_jobs_voice_known', format('options.voice: there is no voice "%s"', o ->> 'voice'), 'SELECT pack_id, name FROM voice_packs lists them.');
        END IF;
        IF o ? 'accent' AND NOT (CASE WHEN jsonb_typeof(o -> 'accent') = 'number' THEN (o ->> 'accent')::numeric BETWEEN 0 AND 1 ELSE false END) THEN
            PERFORM sfa_refuse('processing_jobs_accent_range', 'options.accent lies between 0 (the source''s) and 1 (the voice''s)');
        END IF;
        IF NOT coalesce(o ->> 'tonality' IN ('source', 'voice'), true) THEN
            PERFORM sfa_refuse('processing_jobs_tonality_known', 'options.tonality is "source" or "voice"');
        END IF;
    END IF;
    IF o ? 'max_minutes' AND NOT (CASE WHEN jsonb_typeof(o -> 'max_minutes') = 'number' THEN (o ->> 'max_minutes')::numeric >= 0 ELSE false END) THEN
        PERFORM sfa_refuse('processing_jobs_max_minutes', 'options.max_minutes is a number of minutes');
    END IF;
    IF price > (o ->> 'max_minutes')::numeric THEN
        PERFORM sfa_refuse('processing_jobs_max_minutes', format('this would cost %s minutes, more than options.max_minutes (%s)', price, o ->> 'max_minutes'));
    END IF;
    SELECT m.* INTO budget FROM tracks t, sfa_cloud_minutes(t.user_id) m WHERE t.id = NEW.track_id;
    IF budget.spent + price > budget.allowed THEN
        PERFORM sfa_refuse('cloud_limits_minutes_per_month', format('this would cost %s minutes: %s of this month''s %s are spent', price, budget.spent, budget.allowed),
            'Raise the limit (on the account''s page, or an administrator in cloud_limits), or separate on this machine.');
    END IF;
    RETURN NEW;
END $$;
-- Named to run after sfa_fill, which finds the engine.
CREATE TRIGGER sfa_fill_cloud BEFORE INSERT ON processing_jobs FOR EACH ROW WHEN (NEW.engine = 'lalalai' AND NEW.operation <> 'export') EXECUTE FUNCTION sfa_cloud_fill();

-- Which task a model's jobs are, and whether its stand-in can do what it does.
CREATE FUNCTION sfa_engine_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    task text := CASE NEW.engine WHEN 'lalalai' THEN 'lalalai' ELSE 'processing' END;
    other separation_engine := (SELECT engine FROM models WHERE name = NEW.fallback);
BEGIN
    IF current_setting('sfa.enqueuing', true) = 'on' AND NEW.task_name <> task THEN
        PERFORM sfa_refuse('processing_jobs_task_of_model', format('model "%s" runs as task "%s" on queue "%s"', NEW.model, task, (SELECT queue_name FROM job_kinds WHERE task_name = task)));
    END IF;
    NEW.task_name := task;
    IF NEW.fallback IS NOT NULL AND (other = NEW.engine OR NEW.operation NOT IN ('separate', 'multistem')) THEN
        PERFORM sfa_refuse('processing_jobs_fallback_other', format('"%s" cannot take over: a fallback is for separate and multistem, and another engine''s model', NEW.fallback));
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_fill_engine BEFORE INSERT ON processing_jobs FOR EACH ROW WHEN (NEW.operation <> 'export') EXECUTE FUNCTION sfa_engine_fill();

-- ---------------------------------------------------------------- steps, guarded by the attempt's token

-- Whether the caller's attempt holds its job; locks the lease until the transaction ends.
CREATE FUNCTION sfa_holds(_job bigint, _token uuid) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM leases WHERE job_id = _job AND token = _token FOR UPDATE;
    RETURN FOUND;
END $$;

-- The job's task, made with its first step. A NULL leaves what is there. False: the lease is gone.
CREATE FUNCTION sfa_cloud_step_v1(_job bigint, _token uuid, _processing uuid, _account text, _source uuid, _minutes numeric, _asked boolean, _task uuid, _fetched jsonb)
RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    owner integer := (SELECT user_id FROM processing_jobs WHERE id = _processing);
    budget record;
BEGIN
    IF NOT sfa_holds(_job, _token) THEN
        RETURN false;
    END IF;
    INSERT INTO cloud_accounts (account) VALUES (_account) ON CONFLICT DO NOTHING;
    INSERT INTO cloud_tasks AS t (processing_job_id, account, user_id, source_id, minutes)
    SELECT id, _account, user_id, _source, _minutes FROM processing_jobs WHERE id = _processing
    ON CONFLICT (processing_job_id) DO UPDATE SET
        source_id = coalesce(_source, t.source_id), minutes = coalesce(_minutes, t.minutes),
        account = CASE WHEN t.task_id IS NULL THEN _account ELSE t.account END;
    IF _asked THEN
        -- One at a time: two jobs that are asked for together may not both spend the last minutes.
        PERFORM pg_advisory_xact_lock(hashtextextended('sfa_cloud_minutes', owner));
        SELECT * INTO budget FROM sfa_cloud_minutes(owner);
        IF budget.spent + (SELECT minutes FROM cloud_tasks WHERE processing_job_id = _processing AND asked_at IS NULL) > budget.allowed THEN
            PERFORM sfa_refuse('cloud_limits_minutes_per_month', format('%s of this month''s %s minutes are spent', budget.spent, budget.allowed));
        END IF;
    END IF;
    UPDATE cloud_tasks t SET
        asked_at = CASE WHEN _asked THEN coalesce(t.asked_at, now()) ELSE t.asked_at END,
        task_id = coalesce(_task, t.task_id), fetched = t.fetched || coalesce(_fetched, '{}')
    WHERE processing_job_id = _processing;
    RETURN true;
END $$;

-- See that somebody checks the account's open tasks: one job does it for all hosts, and enqueues itself again.
CREATE FUNCTION sfa_cloud_watch(_account text, _user integer, _in interval DEFAULT '4 s') RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock, lock, scheduled_at)
    VALUES ('cloud', 'lalalai_check', jsonb_build_object('account', _account, 'user_id', _user), 'lalalai_check:' || _account,
            'lalalai_check:' || _account, now() + _in)
    ON CONFLICT DO NOTHING
$$;

-- Whether it is time for another check: less than 20 a minute are allowed. The ids to ask for; none: not yet.
CREATE FUNCTION sfa_cloud_turn(_account text) RETURNS uuid[] LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE cloud_accounts SET checked_at = clock_timestamp()
    WHERE account = _account AND (checked_at IS NULL OR checked_at < clock_timestamp() - interval '3.2 s')
      AND (paused_until IS NULL OR paused_until < clock_timestamp());
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;
    RETURN ARRAY(SELECT task_id FROM cloud_tasks WHERE account = _account AND task_id IS NOT NULL AND ended_at IS NULL
                 ORDER BY checked_at NULLS FIRST LIMIT 100);
END $$;

-- Write what the check said, move the bars, wake who is done, and arrange for the next check. Seconds until it; NULL: none.
CREATE FUNCTION sfa_cloud_checked_v1(_account text, _user integer, _answers jsonb, _pause interval DEFAULT NULL) RETURNS double precision
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    youngest timestamptz;
    pause interval;
BEGIN
    UPDATE cloud_tasks t SET status = a.status, progress = greatest(t.progress, least(100, coalesce(a.progress, 0))), answer = a.answer, checked_at = now(),
        ended_at = CASE WHEN a.status <> 'progress' THEN now() END
    FROM jsonb_to_recordset(_answers) AS a (task_id uuid, status text, progress real, answer jsonb)
    WHERE t.task_id = a.task_id AND t.ended_at IS NULL;
    UPDATE processing_jobs p SET progress = 10 + 0.8 * t.progress,
        stage = CASE WHEN t.progress = 0 THEN 'in line at lalal.ai' ELSE 'lalal.ai is separating' END
    FROM cloud_tasks t WHERE t.processing_job_id = p.id AND t.account = _account AND t.checked_at = now() AND p.finished_at IS NULL
      AND (p.progress IS DISTINCT FROM (10 + 0.8 * t.progress)::real OR p.stage IS NULL);
    UPDATE procrastinate_jobs j SET scheduled_at = NULL
    FROM cloud_tasks t JOIN processing_jobs p ON p.id = t.processing_job_id
    WHERE t.account = _account AND t.ended_at IS NOT NULL AND t.ended_at > now() - interval '1 day'
      AND j.id = p.queue_job_id AND j.status = 'todo' AND j.scheduled_at > now() AND p.finished_at IS NULL
      AND NOT EXISTS (SELECT FROM attempts a WHERE a.job_id = j.id AND a.id = (SELECT max(id) FROM attempts WHERE job_id = j.id) AND a.verdict = 'retried');
    IF _pause IS NOT NULL THEN
        UPDATE cloud_accounts SET paused_until = now() + _pause WHERE account = _account;
    END IF;
    SELECT max(inserted_at) INTO youngest FROM cloud_tasks WHERE account = _account AND task_id IS NOT NULL AND ended_at IS NULL;
    IF youngest IS NULL THEN
        RETURN NULL;
    END IF;
    pause := greatest(_pause, CASE WHEN youngest > now() - interval '1 minute' THEN interval '4 s' WHEN youngest > now() - interval '5 minutes' THEN '8 s' ELSE '20 s' END);
    PERFORM sfa_cloud_watch(_account, _user, pause);
    RETURN extract(epoch FROM pause);
END $$;

-- ---------------------------------------------------------------- ends

-- Cancelled here: cancelled there. Sent back: what there is of a success is kept, everything else starts anew (and is
-- billed anew: whoever sends it back wants that). Failed with a fallback: the other engine takes over.
CREATE FUNCTION sfa_cloud_ended() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status = 'cancelled' THEN
        INSERT INTO procrastinate_jobs (queue_name, task_name, args)
        SELECT 'cloud', 'lalalai_cancel', jsonb_build_object('account', account, 'user_id', user_id, 'task_id', task_id)
        FROM cloud_tasks WHERE processing_job_id = NEW.id AND task_id IS NOT NULL AND ended_at IS NULL;
    ELSIF OLD.status IN ('failed', 'cancelled') AND NEW.status = 'waiting' THEN
        DELETE FROM cloud_tasks WHERE processing_job_id = NEW.id AND NOT (status IS NOT DISTINCT FROM 'success' AND ended_at > now() - interval '20 hours');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_cloud_ended AFTER UPDATE OF status ON processing_jobs FOR EACH ROW
    WHEN (NEW.task_name = 'lalalai' AND OLD.status IS DISTINCT FROM NEW.status AND NEW.status IN ('cancelled', 'waiting')) EXECUTE FUNCTION sfa_cloud_ended();

CREATE FUNCTION sfa_fall_back() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cloud boolean := (SELECT engine = 'lalalai' FROM models WHERE name = NEW.fallback);
BEGIN
    INSERT INTO processing_jobs (track_id, model, operation, options, preview, priority, fell_back_from)
    SELECT NEW.track_id, NEW.fallback, CASE WHEN cloud THEN 'multistem' ELSE 'separate' END::processing_operation,
           -- The four stems that every model has; of this machine's models all.
           CASE WHEN cloud THEN '{"stems": ["vocals", "drums", "bass"]}' ELSE '{}' END::jsonb, NEW.preview AND cloud, NEW.priority, NEW.id
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_fall_back AFTER UPDATE OF status ON processing_jobs FOR EACH ROW
    WHEN (NEW.fallback IS NOT NULL AND OLD.status IS DISTINCT FROM NEW.status AND NEW.status = 'failed') EXECUTE FUNCTION sfa_fall_back();

-- A track's upload goes with the track, and takes its running tasks with it.
CREATE FUNCTION sfa_cloud_forget() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO procrastinate_jobs (queue_name, task_name, args)
    VALUES ('cloud', 'lalalai_forget', jsonb_build_object('account', NEW.account, 'user_id', NEW.user_id, 'source_id', NEW.source_id));
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_cloud_forget AFTER UPDATE OF track_id ON cloud_sources FOR EACH ROW
    WHEN (OLD.track_id IS NOT NULL AND NEW.track_id IS NULL) EXECUTE FUNCTION sfa_cloud_forget();

-- ---------------------------------------------------------------- for people

CREATE VIEW sfa_cloud AS
    SELECT p.id, p.track_id, p.user_id, p.operation::text, p.options, p.preview, p.status, p.progress, p.stage, p.error, t.minutes, t.account,
           t.source_id, t.task_id, t.status AS cloud_status, t.asked_at, t.checked_at, t.ended_at, a.minutes_left
    FROM processing_jobs p LEFT JOIN cloud_tasks t ON t.processing_job_id = p.id LEFT JOIN cloud_accounts a USING (account)
    WHERE p.task_name = 'lalalai';
