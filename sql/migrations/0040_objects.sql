-- What lies in the store, and who needs it. A key is needed as long as a row refers to it: a track, a stem, a piece of
-- a stem that is still growing, or a pin (somebody is about to write it, or about to write a row that names it).
-- The references are foreign keys, so they can't be miscounted: whoever removes an object locks its row first, and
-- a reference that is being written at that moment holds the same row.

CREATE TABLE objects (
    key text PRIMARY KEY,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT objects_key_relative CHECK (key ~ '^[A-Za-z0-9_-]' AND key !~ '(^|/)\.\.?(/|$)' AND length(key) <= 500)
);

CREATE TABLE object_pins (
    token uuid NOT NULL,
    key text NOT NULL REFERENCES objects ON DELETE CASCADE,
    until timestamptz NOT NULL,
    PRIMARY KEY (key, token)
);
CREATE INDEX object_pins_token_idx ON object_pins (token);

-- Stems while they grow: independent little files, in order and without a gap, so that a page can play what is done.
CREATE TABLE stem_pieces (
    processing_job_id uuid NOT NULL REFERENCES processing_jobs ON DELETE CASCADE,
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    stem_type text NOT NULL,
    number integer NOT NULL,
    first_frame bigint NOT NULL,
    frames integer NOT NULL,
    sample_rate integer NOT NULL,
    audio_key text NOT NULL REFERENCES objects,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (processing_job_id, stem_type, number),
    CONSTRAINT stem_pieces_measures CHECK (number >= 0 AND first_frame >= 0 AND frames > 0 AND sample_rate > 0)
);
CREATE INDEX stem_pieces_track_idx ON stem_pieces (track_id);

-- What was made of a separation's stems: a mix with gains, a zip, a .stem.mp4.
CREATE TABLE exports (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    processing_job_id uuid NOT NULL UNIQUE REFERENCES processing_jobs ON DELETE CASCADE,
    separation_id uuid NOT NULL REFERENCES processing_jobs ON DELETE CASCADE,
    package text NOT NULL,
    file_name text NOT NULL,
    audio_key text NOT NULL REFERENCES objects,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT exports_package_known CHECK (package IN ('mix', 'zip', 'stem.mp4')),
    CONSTRAINT exports_bytes CHECK (bytes > 0)
);
CREATE INDEX exports_track_idx ON exports (track_id);
CREATE INDEX exports_separation_idx ON exports (separation_id);
CREATE INDEX exports_audio_key_idx ON exports (audio_key);

-- A row may be the first to name its key (a track that psql makes): the object is known from then on.
CREATE FUNCTION sfa_object_known() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- What can't be a key is left to the table's own rule, which says so in its own name.
    IF NEW.audio_key ~ '^[A-Za-z0-9_-]' AND NEW.audio_key !~ '(^|/)\.\.?(/|$)' AND length(NEW.audio_key) <= 500 THEN
        INSERT INTO objects (key) VALUES (NEW.audio_key) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_object_known BEFORE INSERT OR UPDATE OF audio_key ON tracks
    FOR EACH ROW WHEN (NEW.audio_key IS NOT NULL) EXECUTE FUNCTION sfa_object_known();
CREATE TRIGGER sfa_object_known BEFORE INSERT OR UPDATE OF audio_key ON stems
    FOR EACH ROW EXECUTE FUNCTION sfa_object_known();
CREATE TRIGGER sfa_object_known BEFORE INSERT ON stem_pieces
    FOR EACH ROW EXECUTE FUNCTION sfa_object_known();
CREATE TRIGGER sfa_object_known BEFORE INSERT ON exports FOR EACH ROW EXECUTE FUNCTION sfa_object_known();
ALTER TABLE tracks ADD CONSTRAINT tracks_audio_key_fkey FOREIGN KEY (audio_key) REFERENCES objects;
ALTER TABLE stems ADD CONSTRAINT stems_audio_key_fkey FOREIGN KEY (audio_key) REFERENCES objects;
CREATE INDEX stems_audio_key_idx ON stems (audio_key);
CREATE INDEX stem_pieces_audio_key_idx ON stem_pieces (audio_key);

-- A pin keeps keys for as long as it lasts, whether they exist yet or not; a token's pins go together.
CREATE FUNCTION sfa_pin(_keys text[], _token uuid, _for interval) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    FOR attempt IN 1 .. 100 LOOP
        BEGIN
            INSERT INTO objects (key) SELECT DISTINCT unnest(_keys) ORDER BY 1 ON CONFLICT DO NOTHING;
            INSERT INTO object_pins (token, key, until) SELECT DISTINCT _token, unnest(_keys), now() + _for ORDER BY 2
            ON CONFLICT (key, token) DO UPDATE SET until = excluded.until;
            RETURN;
        EXCEPTION WHEN foreign_key_violation THEN
            -- It was removed between the two statements: once more.
        END;
    END LOOP;
    RAISE EXCEPTION 'these objects are removed as fast as they are pinned';
END $$;

-- Which of the given keys (all: NULL) nobody needs; they stay locked until the caller's transaction ends. What
-- somebody is referring to at this very moment is skipped. Call sfa_objects_gone with the same keys afterwards.
CREATE FUNCTION sfa_objects_unused(_keys text[], _limit integer) RETURNS SETOF text LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    locked text[];
BEGIN
    SELECT array_agg(key) INTO locked FROM (
        SELECT o.key FROM objects o
        WHERE (_keys IS NULL OR o.key = ANY (_keys)) AND NOT sfa_object_needed(o.key)
        ORDER BY o.key LIMIT _limit FOR UPDATE SKIP LOCKED) candidates;
    -- Asked again, of a snapshot taken under the lock: a reference that was committed meanwhile counts.
    RETURN QUERY SELECT key FROM unnest(locked) AS key WHERE NOT sfa_object_needed(key);
END $$;

CREATE FUNCTION sfa_object_needed(_key text) RETURNS boolean LANGUAGE sql VOLATILE AS $$
    SELECT EXISTS (SELECT FROM tracks WHERE audio_key = _key)
        OR EXISTS (SELECT FROM tracks WHERE album_art_key = _key)
        OR EXISTS (SELECT FROM stems WHERE audio_key = _key)
        OR EXISTS (SELECT FROM stem_pieces WHERE audio_key = _key)
        OR EXISTS (SELECT FROM exports WHERE audio_key = _key)
        OR EXISTS (SELECT FROM object_pins WHERE key = _key AND until > now())
$$;
ALTER FUNCTION sfa_object_needed(text) SET search_path FROM CURRENT;

CREATE TRIGGER sfa_notify_insert AFTER INSERT ON exports
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');
CREATE TRIGGER sfa_notify_insert AFTER INSERT ON stem_pieces
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');
