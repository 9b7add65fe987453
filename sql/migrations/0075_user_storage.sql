-- What each user holds, in tracks and bytes: a page of users asks for it often, and a sum over a million stems is no answer.
-- Every statement that changes something writes how much as one row a user, so that nobody waits for anybody else's row;
-- housekeeping folds these changes into one row a user. What somebody holds is that row and the changes since.
-- Bytes of a file that several tracks share count for each of them.

ALTER TABLE tracks
    -- Of the audio in the store: NULL as long as there is none, or nobody has looked (the daily look for files does).
    ADD COLUMN audio_bytes bigint,
    ADD CONSTRAINT tracks_audio_bytes CHECK (audio_bytes IS NULL OR audio_bytes >= 0 AND audio_key IS NOT NULL);

CREATE TABLE user_storage (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    tracks bigint NOT NULL DEFAULT 0,
    audio_bytes bigint NOT NULL DEFAULT 0,
    stem_bytes bigint NOT NULL DEFAULT 0,
    export_bytes bigint NOT NULL DEFAULT 0
);

-- Without a foreign key: a user who is being deleted must not be waited for; what is left of him goes when it is folded.
CREATE TABLE user_storage_changes (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id integer NOT NULL,
    tracks bigint NOT NULL DEFAULT 0,
    audio_bytes bigint NOT NULL DEFAULT 0,
    stem_bytes bigint NOT NULL DEFAULT 0,
    export_bytes bigint NOT NULL DEFAULT 0
);
CREATE INDEX user_storage_changes_user_idx ON user_storage_changes (user_id);

CREATE VIEW sfa_user_storage AS
    SELECT u.id AS user_id, coalesce(s.tracks, 0) + c.tracks AS tracks, coalesce(s.audio_bytes, 0) + c.audio_bytes AS audio_bytes,
           coalesce(s.stem_bytes, 0) + c.stem_bytes AS stem_bytes, coalesce(s.export_bytes, 0) + c.export_bytes AS export_bytes
    FROM users u LEFT JOIN user_storage s ON s.user_id = u.id, LATERAL (
        SELECT coalesce(sum(tracks), 0)::bigint AS tracks, coalesce(sum(audio_bytes), 0)::bigint AS audio_bytes,
               coalesce(sum(stem_bytes), 0)::bigint AS stem_bytes, coalesce(sum(export_bytes), 0)::bigint AS export_bytes
        FROM user_storage_changes WHERE user_id = u.id) c;

-- ---------------------------------------------------------------- tracks

-- Another file, whose length whoever named it did not say: unknown, rather than the length of the file before.
CREATE FUNCTION sfa_track_bytes_unknown() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.audio_bytes := NULL;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_track_bytes_unknown BEFORE UPDATE OF audio_key ON tracks FOR EACH ROW
    WHEN (OLD.audio_key IS DISTINCT FROM NEW.audio_key AND OLD.audio_bytes IS NOT DISTINCT FROM NEW.audio_bytes)
    EXECUTE FUNCTION sfa_track_bytes_unknown();

CREATE FUNCTION sfa_count_tracks() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO user_storage_changes (user_id, tracks, audio_bytes)
    SELECT user_id, count(*), coalesce(sum(audio_bytes), 0) FROM new_rows GROUP BY user_id;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_count_tracks AFTER INSERT ON tracks REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_count_tracks();

CREATE FUNCTION sfa_count_track_change() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    stems bigint := 0;
    exports bigint := 0;
BEGIN
    IF OLD.user_id = NEW.user_id THEN
        INSERT INTO user_storage_changes (user_id, audio_bytes) VALUES (NEW.user_id, coalesce(NEW.audio_bytes, 0) - coalesce(OLD.audio_bytes, 0));
        RETURN NULL;
    END IF;
    SELECT coalesce(sum(bytes), 0) INTO stems FROM stems WHERE track_id = NEW.id;
    SELECT coalesce(sum(bytes), 0) INTO exports FROM exports WHERE track_id = NEW.id;
    INSERT INTO user_storage_changes (user_id, tracks, audio_bytes, stem_bytes, export_bytes)
    VALUES (OLD.user_id, -1, -coalesce(OLD.audio_bytes, 0), -stems, -exports), (NEW.user_id, 1, coalesce(NEW.audio_bytes, 0), stems, exports);
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_count_track_change AFTER UPDATE ON tracks FOR EACH ROW
    WHEN (OLD.audio_bytes IS DISTINCT FROM NEW.audio_bytes OR OLD.user_id IS DISTINCT FROM NEW.user_id) EXECUTE FUNCTION sfa_count_track_change();

-- Before it goes: its stems and exports go after it, and can't say then whose they were.
CREATE FUNCTION sfa_count_track_gone() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO user_storage_changes (user_id, tracks, audio_bytes, stem_bytes, export_bytes)
    SELECT u.id, -1, -coalesce(OLD.audio_bytes, 0), -(SELECT coalesce(sum(bytes), 0) FROM stems WHERE track_id = OLD.id),
           -(SELECT coalesce(sum(bytes), 0) FROM exports WHERE track_id = OLD.id)
    FROM users u WHERE u.id = OLD.user_id;
    RETURN OLD;
END $$;
CREATE TRIGGER sfa_count_track_gone BEFORE DELETE ON tracks FOR EACH ROW EXECUTE FUNCTION sfa_count_track_gone();

-- ---------------------------------------------------------------- stems and exports

-- Of tracks that are there: what goes with its track was counted with it.
CREATE FUNCTION sfa_count_bytes() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO user_storage_changes (user_id, stem_bytes, export_bytes)
        SELECT t.user_id, CASE TG_TABLE_NAME WHEN 'stems' THEN sum(c.bytes) ELSE 0 END, CASE TG_TABLE_NAME WHEN 'exports' THEN sum(c.bytes) ELSE 0 END
        FROM new_rows c JOIN tracks t ON t.id = c.track_id GROUP BY t.user_id;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO user_storage_changes (user_id, stem_bytes, export_bytes)
        SELECT t.user_id, CASE TG_TABLE_NAME WHEN 'stems' THEN -sum(c.bytes) ELSE 0 END, CASE TG_TABLE_NAME WHEN 'exports' THEN -sum(c.bytes) ELSE 0 END
        FROM old_rows c JOIN tracks t ON t.id = c.track_id GROUP BY t.user_id;
    ELSE
        INSERT INTO user_storage_changes (user_id, stem_bytes, export_bytes)
        SELECT t.user_id, CASE TG_TABLE_NAME WHEN 'stems' THEN sum(c.bytes) ELSE 0 END, CASE TG_TABLE_NAME WHEN 'exports' THEN sum(c.bytes) ELSE 0 END
        FROM (SELECT track_id, bytes FROM new_rows UNION ALL SELECT track_id, -bytes FROM old_rows) c JOIN tracks t ON t.id = c.track_id
        GROUP BY t.user_id HAVING sum(c.bytes) <> 0;
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{stems,exports}'::text[] LOOP
        EXECUTE format('CREATE TRIGGER sfa_count_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_count_bytes()', t);
        EXECUTE format('CREATE TRIGGER sfa_count_update AFTER UPDATE ON %I REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_count_bytes()', t);
        EXECUTE format('CREATE TRIGGER sfa_count_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_count_bytes()', t);
    END LOOP;
END $$;

-- ---------------------------------------------------------------- folding

-- The oldest changes become part of the rows; how many did. Readers see them in one place or in the other.
CREATE FUNCTION sfa_user_storage_fold(_limit integer) RETURNS bigint LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH taken AS (
        DELETE FROM user_storage_changes WHERE id IN (SELECT id FROM user_storage_changes ORDER BY id LIMIT _limit FOR UPDATE SKIP LOCKED)
        RETURNING user_id, tracks, audio_bytes, stem_bytes, export_bytes
    ), summed AS (
        SELECT user_id, sum(tracks) AS tracks, sum(audio_bytes) AS audio_bytes, sum(stem_bytes) AS stem_bytes, sum(export_bytes) AS export_bytes
        FROM taken GROUP BY user_id
    ), folded AS (
        INSERT INTO user_storage AS s (user_id, tracks, audio_bytes, stem_bytes, export_bytes)
        SELECT m.user_id, m.tracks, m.audio_bytes, m.stem_bytes, m.export_bytes FROM summed m JOIN users u ON u.id = m.user_id
        ORDER BY m.user_id FOR KEY SHARE OF u
        ON CONFLICT (user_id) DO UPDATE SET tracks = s.tracks + excluded.tracks, audio_bytes = s.audio_bytes + excluded.audio_bytes,
            stem_bytes = s.stem_bytes + excluded.stem_bytes, export_bytes = s.export_bytes + excluded.export_bytes
    )
    SELECT count(*) FROM taken
$$;

-- What was there before anybody counted.
INSERT INTO user_storage (user_id, tracks, audio_bytes, stem_bytes, export_bytes)
SELECT t.user_id, count(*), coalesce(sum(t.audio_bytes), 0), coalesce(sum((SELECT sum(bytes) FROM stems WHERE track_id = t.id)), 0),
       coalesce(sum((SELECT sum(bytes) FROM exports WHERE track_id = t.id)), 0)
FROM tracks t GROUP BY t.user_id;

-- ---------------------------------------------------------------- NOTIFY wakes: the users' pages

CREATE FUNCTION sfa_notify_users() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    ids integer[];
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        SELECT array_agg(id) INTO ids FROM (SELECT id FROM changed LIMIT 11) c;
    ELSE
        SELECT array_agg(user_id) INTO ids FROM (SELECT DISTINCT user_id FROM changed WHERE user_id IS NOT NULL LIMIT 11) c;
    END IF;
    IF cardinality(ids) > 10 THEN
        PERFORM pg_notify('sfa_changed', 'users');
    ELSE
        PERFORM pg_notify('sfa_changed', 'users:' || id) FROM unnest(ids) id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_users AFTER INSERT ON user_storage_changes REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
CREATE TRIGGER sfa_notify_users_insert AFTER INSERT ON users REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
CREATE TRIGGER sfa_notify_users_update AFTER UPDATE ON users REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
CREATE TRIGGER sfa_notify_users_delete AFTER DELETE ON users REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
-- Signing in and out, tokens made and revoked; not every use of them: ages are brought up to date anyway.
CREATE TRIGGER sfa_notify_users_insert AFTER INSERT ON user_tokens REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
CREATE TRIGGER sfa_notify_users_delete AFTER DELETE ON user_tokens REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
-- What somebody did stands on his page.
CREATE TRIGGER sfa_notify_users AFTER INSERT ON audit_log REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_users();
