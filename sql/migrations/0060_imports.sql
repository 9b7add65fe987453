-- Imports: an address of a track, an album or a playlist becomes a list of what was found, and the list becomes
-- tracks and downloads. The list is written a page at a time, so that an import goes on where it stopped.

-- found: seen, waits to be chosen. linked: the user has it already. queued: its download is a job. failed: it can't
-- be had, reason says why. What became of a queued one its download says: the view sfa_import_items.
CREATE TYPE import_item_status AS ENUM ('found', 'linked', 'queued', 'failed');

CREATE TABLE imports (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL DEFAULT sfa_local_owner() REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'import' REFERENCES job_kinds DEFERRABLE INITIALLY DEFERRED,
    address text NOT NULL,
    -- True: it lists what it found and waits for sfa_import_choose; false: everything is downloaded at once, which
    -- needs audio addresses that Spotify does not give: whoever wants that says so.
    choose boolean NOT NULL DEFAULT true,
    then_model text DEFAULT 'htdemucs' REFERENCES models,
    -- Read out of the address.
    kind text NOT NULL,
    spotify_id text NOT NULL,
    -- Read from the source.
    title text,
    artist text,
    total integer,
    notice text,
    -- Which state of the list is being read.
    version text,
    -- Where the next page begins; NULL once the list is whole.
    next_offset integer DEFAULT 0,
    status job_status NOT NULL DEFAULT 'waiting',
    listed_as job_status NOT NULL GENERATED ALWAYS AS (CASE status WHEN 'running' THEN 'waiting' ELSE status END) STORED,
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
    CONSTRAINT imports_address_length CHECK (length(address) <= 2000),
    CONSTRAINT imports_kind_known CHECK (kind IN ('track', 'album', 'playlist')),
    CONSTRAINT imports_spotify_id_format CHECK (spotify_id ~ '^[A-Za-z0-9]{22}$'),
    CONSTRAINT imports_counts CHECK (total >= 0 AND next_offset >= 0),
    CONSTRAINT imports_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT imports_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT imports_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX imports_page_idx ON imports (user_id, inserted_at DESC, id DESC);
CREATE INDEX imports_state_idx ON imports (user_id, listed_as, inserted_at DESC, id DESC);
CREATE INDEX imports_finished_idx ON imports (user_id, finished_at DESC) INCLUDE (listed_as) WHERE finished_at IS NOT NULL;
CREATE INDEX imports_reason_idx ON imports (user_id, error_kind, inserted_at DESC, id DESC) WHERE error_kind IS NOT NULL;
-- A double click is one import.
CREATE UNIQUE INDEX imports_one_active ON imports (user_id, spotify_id) WHERE finished_at IS NULL;

-- facts: what tags are made of, and what the right recording is told by: artists, album_artist, track_number,
-- disc_number, date, isrc, cover_url.
CREATE TABLE import_items (
    import_id uuid NOT NULL REFERENCES imports ON DELETE CASCADE,
    position integer NOT NULL,
    spotify_id text,
    title text NOT NULL,
    artist text,
    album text,
    duration_ms integer,
    facts jsonb NOT NULL DEFAULT '{}',
    status import_item_status NOT NULL DEFAULT 'found',
    reason text,
    -- Where to take the audio from, where somebody knows better than a search.
    audio_address text,
    track_id uuid REFERENCES tracks ON DELETE SET NULL,
    download_job_id uuid REFERENCES download_jobs ON DELETE SET NULL,
    PRIMARY KEY (import_id, position),
    CONSTRAINT import_items_position CHECK (position >= 0),
    CONSTRAINT import_items_facts_object CHECK (jsonb_typeof(facts) = 'object'),
    CONSTRAINT import_items_failed_says_why CHECK (status <> 'failed' OR reason IS NOT NULL),
    CONSTRAINT import_items_audio_address_http CHECK (audio_address ~* '^https?://[^\s/]+' AND length(audio_address) <= 2000)
);
CREATE INDEX import_items_track_idx ON import_items (track_id);
CREATE INDEX import_items_download_idx ON import_items (download_job_id);

-- When a track's file was last looked for in the store, and since when it has not been there. The track keeps its key: a
-- store that is away for an hour must cost nothing.
CREATE TABLE track_files (
    track_id uuid PRIMARY KEY REFERENCES tracks ON DELETE CASCADE,
    audio_key text NOT NULL,
    looked_at timestamptz NOT NULL DEFAULT now(),
    missing_since timestamptz
);
CREATE INDEX track_files_missing_idx ON track_files (track_id) WHERE missing_since IS NOT NULL;

-- Whether a track's audio is there, as far as anybody has looked.
CREATE FUNCTION sfa_has_audio(_track uuid, _key text) RETURNS boolean LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT _key IS NOT NULL AND NOT EXISTS (SELECT FROM track_files f WHERE f.track_id = _track AND f.audio_key = _key AND f.missing_since IS NOT NULL)
$$;

-- Somebody looked for files; how many are newly missing. Whoever looks at the track's page is told.
CREATE FUNCTION sfa_files_looked_v1(_tracks uuid[], _keys text[], _missing boolean[]) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH looked AS (
        SELECT t.id, u.key, u.missing, f.missing_since
        FROM unnest(_tracks, _keys, _missing) AS u (track, key, missing)
        JOIN tracks t ON t.id = u.track AND t.audio_key = u.key
        LEFT JOIN track_files f ON f.track_id = t.id AND f.audio_key = u.key
    ), kept AS (
        INSERT INTO track_files (track_id, audio_key, missing_since) SELECT id, key, CASE WHEN missing THEN now() END FROM looked
        ON CONFLICT (track_id) DO UPDATE SET audio_key = excluded.audio_key, looked_at = now(),
            missing_since = CASE WHEN excluded.missing_since IS NULL THEN NULL
                WHEN track_files.audio_key = excluded.audio_key THEN coalesce(track_files.missing_since, excluded.missing_since)
                ELSE excluded.missing_since END
    ), told AS MATERIALIZED (
        SELECT pg_notify('sfa_changed', 'track:' || id) FROM looked WHERE missing <> (missing_since IS NOT NULL)
    )
    SELECT count(*) FILTER (WHERE missing AND missing_since IS NULL) FROM looked, LATERAL (SELECT count(*) FROM told) once
$$;

-- Download a track's audio again, from where it came; NULL: nobody knows where that was (it was uploaded).
CREATE FUNCTION sfa_download_again(_track uuid) RETURNS uuid LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    found record;
    job uuid;
BEGIN
    SELECT id INTO job FROM download_jobs WHERE track_id = _track AND finished_at IS NULL LIMIT 1;
    IF job IS NOT NULL THEN
        RETURN job;
    END IF;
    SELECT coalesce(d.address, 'https://open.spotify.com/track/' || t.spotify_id) AS address, d.audio_address INTO found
    FROM tracks t LEFT JOIN LATERAL (SELECT address, audio_address FROM download_jobs WHERE track_id = t.id ORDER BY inserted_at DESC LIMIT 1) d ON true
    WHERE t.id = _track;
    IF found.address IS NULL THEN
        RETURN NULL;
    END IF;
    -- Its separations are there; nothing follows.
    INSERT INTO download_jobs (track_id, address, audio_address, then_model) VALUES (_track, found.address, found.audio_address, NULL)
    RETURNING id INTO job;
    RETURN job;
END $$;

INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts) VALUES
    ('import', 'default', 'imports', '{address,choose,then_model,user_id,needs,after}', 5);
UPDATE job_kinds SET arguments = arguments || '{audio_address}' WHERE task_name = 'download';

ALTER TABLE download_jobs ADD COLUMN audio_address text,
    ADD CONSTRAINT download_jobs_audio_address_http CHECK (audio_address ~* '^https?://[^\s/]+' AND length(audio_address) <= 2000);
CREATE UNIQUE INDEX download_jobs_one_active ON download_jobs (track_id) WHERE finished_at IS NULL;

-- ---------------------------------------------------------------- one INSERT is one import

-- Every form of address: https://open.spotify.com/intl-de/track/<id>?si=…, without https://, the embed page,
-- old playlists under user/<name>/, and spotify:track:<id>. NULL where it is none.
CREATE FUNCTION sfa_spotify_address(_address text) RETURNS text[] LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN m IS NOT NULL THEN ARRAY[lower(m[1]), m[2]] END FROM coalesce(
        regexp_match(_address, '^\s*(?:https?://)?(?:open|play|www)\.spotify\.com/(?:intl-[a-z]{2,3}(?:-[a-z]{2,4})?/)?(?:embed/)?(?:user/[^/?#\s]+/)?(track|album|playlist)/([a-z0-9]{22})/?(?:[?#]\S*)?\s*$', 'i'),
        regexp_match(_address, '^\s*spotify:(?:user:[^:\s]+:)?(track|album|playlist):([a-z0-9]{22})(?:\?\S*)?\s*$', 'i')) m
$$;

-- An address alone is enough for a download: the track is made on the way, titled by the last part of the address. What
-- Spotify names is the user's own track of that id; its name comes with the download.
CREATE OR REPLACE FUNCTION sfa_download_fill() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    parsed text[] := sfa_spotify_address(NEW.address);
BEGIN
    IF parsed[1] <> 'track' THEN
        PERFORM sfa_refuse('download_jobs_one_track', format('"%s" is the address of a whole %s', left(NEW.address, 200), parsed[1]),
            'Import it: INSERT INTO imports (address) VALUES (…).');
    END IF;
    IF parsed IS NOT NULL THEN
        NEW.address := 'https://open.spotify.com/track/' || parsed[2];
    END IF;
    IF NEW.track_id IS NULL AND parsed[1] = 'track' THEN
        INSERT INTO tracks (title, source, spotify_id) VALUES (parsed[2], 'spotify', parsed[2]) ON CONFLICT (user_id, spotify_id) DO NOTHING;
        SELECT id INTO NEW.track_id FROM tracks WHERE user_id = sfa_local_owner() AND spotify_id = parsed[2];
    ELSIF NEW.track_id IS NULL AND length(NEW.address) > 0 THEN
        INSERT INTO tracks (title, source)
        VALUES (left(coalesce(nullif(substring(NEW.address FROM '([^/?#]+)/*(?:[?#].*)?$'), ''), NEW.address), 500), 'link')
        RETURNING id INTO NEW.track_id;
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION sfa_import_before_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    parsed text[] := sfa_spotify_address(NEW.address);
BEGIN
    IF NEW.status <> 'waiting' THEN
        PERFORM sfa_refuse('imports_starts_waiting', format('a new job is "waiting", not "%s": its status follows the queue', NEW.status));
    END IF;
    IF parsed IS NULL THEN
        PERFORM sfa_refuse('imports_address_form', format('"%s" is no address of a Spotify track, album or playlist', left(NEW.address, 200)),
            CASE WHEN NEW.address ~* 'spotify\.(link|app\.link)/' THEN 'Open the short link once and give the address that it leads to.'
                 WHEN NEW.address ~* 'spotify' THEN 'Give https://open.spotify.com/track/…, /album/… or /playlist/…, or spotify:track:…: the id has 22 letters and digits. Artists, shows and episodes cannot be imported.'
                 WHEN NEW.address ~* '^\s*https?://' THEN 'The address of an audio file is a download: INSERT INTO download_jobs (address) VALUES (…).'
                 ELSE 'Give https://open.spotify.com/track/…, /album/… or /playlist/…, or spotify:track:…' END);
    END IF;
    NEW.kind := parsed[1];
    NEW.spotify_id := parsed[2];
    NEW.next_offset := 0;
    IF NEW.queue_job_id IS NULL THEN
        NEW.queue_job_id := nextval('procrastinate_jobs_id_seq');
    ELSIF current_setting('sfa.enqueuing', true) IS DISTINCT FROM 'on' THEN
        PERFORM sfa_refuse(TG_TABLE_NAME || '_queue_job_id_given', 'queue_job_id is given by the queue: leave it out');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER sfa_job_before_insert BEFORE INSERT ON imports FOR EACH ROW EXECUTE FUNCTION sfa_import_before_insert();
CREATE TRIGGER sfa_job_after_insert AFTER INSERT ON imports REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_insert();
CREATE TRIGGER sfa_job_after_delete AFTER DELETE ON imports REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_delete();
CREATE TRIGGER sfa_job_guard_status BEFORE UPDATE OF status ON imports FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION sfa_job_guard_status();

CREATE FUNCTION sfa_notify_imports() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_ARGV[0] = 'id' THEN
        PERFORM pg_notify('sfa_changed', 'import:' || id) FROM changed;
    ELSE
        PERFORM pg_notify('sfa_changed', 'import:' || import_id) FROM (SELECT DISTINCT import_id FROM changed) c;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_insert AFTER INSERT ON imports REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_imports('id');
CREATE TRIGGER sfa_notify_update AFTER UPDATE ON imports REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_imports('id');
CREATE TRIGGER sfa_notify_insert AFTER INSERT ON import_items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_imports('import_id');
CREATE TRIGGER sfa_notify_update AFTER UPDATE ON import_items REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_imports('import_id');

-- ---------------------------------------------------------------- a page of the list, then tracks and downloads

-- One page, written by the holder of the lease only. The same page again changes nothing. False: the lease is gone.
CREATE FUNCTION sfa_import_page_v1(
    _job bigint, _token uuid, _import uuid, _title text, _artist text, _total integer, _notice text, _next integer, _items jsonb,
    _version text DEFAULT NULL
) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM leases WHERE job_id = _job AND token = _token FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO import_items (import_id, position, spotify_id, title, artist, album, duration_ms, facts, status, reason, track_id)
    SELECT _import, f.position, f.spotify_id, f.title, f.artist, f.album, f.duration_ms, f.facts,
           CASE WHEN f.reason IS NOT NULL THEN 'failed' WHEN t.id IS NOT NULL THEN 'linked' ELSE 'found' END::import_item_status,
           f.reason, t.id
    FROM jsonb_to_recordset(_items) AS f (position integer, spotify_id text, title text, artist text, album text, duration_ms integer, facts jsonb, reason text)
    JOIN imports i ON i.id = _import
    LEFT JOIN tracks t ON t.user_id = i.user_id AND t.spotify_id = f.spotify_id AND sfa_has_audio(t.id, t.audio_key) AND f.reason IS NULL
    ON CONFLICT (import_id, position) DO NOTHING;
    UPDATE imports SET title = coalesce(_title, title), artist = coalesce(_artist, artist), total = coalesce(_total, total),
        notice = coalesce(_notice, notice), version = coalesce(_version, version), next_offset = _next
    WHERE id = _import;
    RETURN true;
END $$;

-- The list has changed while it was read: what nobody chose yet is forgotten. False: the lease is gone.
CREATE FUNCTION sfa_import_afresh_v1(_job bigint, _token uuid, _import uuid) RETURNS boolean LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM FROM leases WHERE job_id = _job AND token = _token FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    -- What was chosen meanwhile stays, further down than any list is long.
    UPDATE import_items SET position = position + 1000000 WHERE import_id = _import AND status = 'queued' AND position < 1000000;
    DELETE FROM import_items WHERE import_id = _import AND status <> 'queued';
    UPDATE imports SET next_offset = 0, version = NULL WHERE id = _import;
    RETURN true;
END $$;

-- Choose what an import found: each becomes a track (the user's own, if there is one) and a download, or is linked
-- where the audio is there. NULL: everything. How many downloads were enqueued.
CREATE FUNCTION sfa_import_choose(_import uuid, _positions integer[] DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    parent imports;
    item import_items;
    track tracks;
    job uuid;
    enqueued integer := 0;
BEGIN
    SELECT * INTO parent FROM imports WHERE id = _import;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no import "%"', _import USING ERRCODE = 'no_data_found', HINT = 'SELECT id, title, status FROM sfa_imports lists them.';
    END IF;
    -- In the order of their ids, whatever the list's order: two imports of the same tracks don't deadlock.
    FOR item IN
        SELECT * FROM import_items
        WHERE import_id = _import AND (_positions IS NULL OR position = ANY (_positions))
          AND (status = 'found' OR status = 'failed' AND _positions IS NOT NULL AND spotify_id IS NOT NULL
               OR status = 'queued' AND _positions IS NOT NULL AND download_job_id IN (SELECT id FROM download_jobs WHERE status IN ('failed', 'cancelled'))
               OR status = 'queued' AND download_job_id IS NULL
               OR _positions IS NOT NULL AND track_id IN (SELECT f.track_id FROM track_files f WHERE f.missing_since IS NOT NULL))
        ORDER BY spotify_id, position FOR UPDATE
    LOOP
        INSERT INTO tracks (user_id, title, artist, album, duration_ms, source, spotify_id)
        VALUES (parent.user_id, left(item.title, 500), item.artist, item.album, item.duration_ms, 'spotify', item.spotify_id)
        ON CONFLICT (user_id, spotify_id) DO NOTHING;
        SELECT * INTO track FROM tracks WHERE user_id = parent.user_id AND spotify_id = item.spotify_id FOR NO KEY UPDATE;
        job := NULL;
        IF NOT sfa_has_audio(track.id, track.audio_key) THEN
            SELECT id INTO job FROM download_jobs WHERE track_id = track.id AND finished_at IS NULL LIMIT 1;
            IF job IS NULL THEN
                INSERT INTO download_jobs (track_id, address, audio_address, then_model)
                VALUES (track.id, 'https://open.spotify.com/track/' || item.spotify_id, item.audio_address, parent.then_model)
                RETURNING id INTO job;
                enqueued := enqueued + 1;
            END IF;
        END IF;
        UPDATE import_items SET track_id = track.id, download_job_id = job, reason = NULL,
            status = CASE WHEN job IS NULL THEN 'linked' ELSE 'queued' END::import_item_status
        WHERE import_id = _import AND position = item.position;
    END LOOP;
    RETURN enqueued;
END $$;

-- ---------------------------------------------------------------- views for people

-- What became of each item: found, linked, waiting, downloading, downloaded, failed, cancelled, or missing (its file has
-- gone from the store), with the reason.
CREATE VIEW sfa_import_items AS
    SELECT i.import_id, i.position, i.title, i.artist, i.album, i.duration_ms, i.spotify_id, i.track_id, i.download_job_id, i.audio_address,
           CASE WHEN i.status IN ('linked', 'queued') AND (d.status IS NULL OR d.status = 'completed') AND t.audio_key IS NOT NULL
                     AND NOT sfa_has_audio(t.id, t.audio_key) THEN 'missing'
                WHEN i.status <> 'queued' THEN i.status::text
                WHEN d.status IS NULL THEN CASE WHEN t.id IS NULL THEN 'removed' ELSE 'cancelled' END
                WHEN d.status = 'running' THEN 'downloading'
                WHEN d.status = 'completed' THEN 'downloaded'
                ELSE d.status::text END AS status,
           coalesce(i.reason, d.error) AS reason, d.progress, d.stage
    FROM import_items i LEFT JOIN download_jobs d ON d.id = i.download_job_id LEFT JOIN tracks t ON t.id = i.track_id;

CREATE VIEW sfa_imports AS
    SELECT m.id, m.user_id, m.kind, m.title, m.artist, m.address, m.status, m.choose, m.then_model, m.progress, m.stage, m.error, m.notice, m.total,
           c.listed, c.found, c.linked, c.waiting, c.downloaded, c.failed, m.scheduled_at, m.inserted_at, m.started_at, m.finished_at
    FROM imports m, LATERAL (
        SELECT count(*) AS listed,
               count(*) FILTER (WHERE status = 'found') AS found,
               count(*) FILTER (WHERE status = 'linked') AS linked,
               count(*) FILTER (WHERE status IN ('waiting', 'downloading', 'retrying')) AS waiting,
               count(*) FILTER (WHERE status = 'downloaded') AS downloaded,
               count(*) FILTER (WHERE status IN ('failed', 'cancelled')) AS failed
        FROM sfa_import_items i WHERE i.import_id = m.id) c;

-- ---------------------------------------------------------------- covers for many tracks

-- One job: the covers of an import's tracks, or of the tracks that are named, fetched five at a time. What has one is left out.
CREATE TABLE cover_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL DEFAULT sfa_local_owner() REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'covers' REFERENCES job_kinds DEFERRABLE INITIALLY DEFERRED,
    import_id uuid REFERENCES imports ON DELETE CASCADE,
    track_ids uuid[] NOT NULL DEFAULT '{}',
    -- The longer side in pixels, at most.
    size integer NOT NULL DEFAULT 640,
    status job_status NOT NULL DEFAULT 'waiting',
    listed_as job_status NOT NULL GENERATED ALWAYS AS (CASE status WHEN 'running' THEN 'waiting' ELSE status END) STORED,
    progress real NOT NULL DEFAULT 0,
    stage text,
    error text,
    error_kind error_kind,
    attempt integer NOT NULL DEFAULT 0,
    priority integer NOT NULL DEFAULT 0,
    scheduled_at timestamptz,
    queue_job_id bigint NOT NULL UNIQUE,
    -- {"found": 12, "failed": [{"track": …, "reason": …}]}
    result jsonb,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT cover_jobs_of_something CHECK (import_id IS NOT NULL OR cardinality(track_ids) > 0),
    CONSTRAINT cover_jobs_count CHECK (cardinality(track_ids) <= 1000),
    CONSTRAINT cover_jobs_size_range CHECK (size BETWEEN 64 AND 3000),
    CONSTRAINT cover_jobs_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT cover_jobs_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT cover_jobs_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 70);
CREATE INDEX cover_jobs_page_idx ON cover_jobs (user_id, inserted_at DESC, id DESC);
CREATE UNIQUE INDEX cover_jobs_one_active ON cover_jobs (import_id) WHERE finished_at IS NULL AND import_id IS NOT NULL;

INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts) VALUES
    ('covers', 'download', 'cover_jobs', '{import_id,track_ids,size,user_id,needs,after}', 3);

CREATE FUNCTION sfa_cover_before_insert() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.status <> 'waiting' THEN
        PERFORM sfa_refuse('cover_jobs_starts_waiting', format('a new job is "waiting", not "%s": its status follows the queue', NEW.status));
    END IF;
    IF NEW.import_id IS NOT NULL THEN
        NEW.user_id := coalesce((SELECT user_id FROM imports WHERE id = NEW.import_id), NEW.user_id);
    END IF;
    IF NEW.queue_job_id IS NULL THEN
        NEW.queue_job_id := nextval('procrastinate_jobs_id_seq');
    ELSIF current_setting('sfa.enqueuing', true) IS DISTINCT FROM 'on' THEN
        PERFORM sfa_refuse('cover_jobs_queue_job_id_given', 'queue_job_id is given by the queue: leave it out');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_job_before_insert BEFORE INSERT ON cover_jobs FOR EACH ROW EXECUTE FUNCTION sfa_cover_before_insert();
CREATE TRIGGER sfa_job_after_insert AFTER INSERT ON cover_jobs REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_insert();
CREATE TRIGGER sfa_job_after_delete AFTER DELETE ON cover_jobs REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_job_after_delete();
CREATE TRIGGER sfa_job_guard_status BEFORE UPDATE OF status ON cover_jobs FOR EACH ROW WHEN (OLD.status IS DISTINCT FROM NEW.status) EXECUTE FUNCTION sfa_job_guard_status();

-- What they need, and what they follow: as everywhere (0013, 0014).
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{imports,cover_jobs}'::text[] LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN needs jsonb, ADD COLUMN after uuid', t);
        EXECUTE format('CREATE TRIGGER sfa_job_needs AFTER INSERT ON %I FOR EACH ROW WHEN (NEW.needs IS NOT NULL) EXECUTE FUNCTION sfa_job_needs()', t);
        EXECUTE format('CREATE TRIGGER sfa_job_linked AFTER INSERT ON %I FOR EACH ROW WHEN (NEW.after IS NOT NULL) EXECUTE FUNCTION sfa_job_after()', t);
    END LOOP;
END $$;

CREATE OR REPLACE VIEW sfa_jobs AS
    SELECT 'download' AS kind, id, queue_job_id, track_id, user_id, address AS detail, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM download_jobs
    UNION ALL
    SELECT task_name, id, queue_job_id, track_id, user_id,
           CASE operation WHEN 'export' THEN coalesce(options ->> 'package', 'mix') ELSE model END, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM processing_jobs
    UNION ALL
    SELECT 'analysis', id, queue_job_id, track_id, user_id, operation::text, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM analysis_jobs
    UNION ALL
    SELECT 'import', id, queue_job_id, NULL, user_id, coalesce(title, address), status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM imports
    UNION ALL
    SELECT 'covers', id, queue_job_id, NULL, user_id, 'covers', status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM cover_jobs;
