-- Covers are objects of the store like audio is: a track's cover is needed as long as the track names it.

CREATE FUNCTION sfa_cover_known() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.album_art_key ~ '^[A-Za-z0-9_-]' AND NEW.album_art_key !~ '(^|/)\.\.?(/|$)' AND length(NEW.album_art_key) <= 500 THEN
        INSERT INTO objects (key) VALUES (NEW.album_art_key) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_cover_known BEFORE INSERT OR UPDATE OF album_art_key ON tracks
    FOR EACH ROW WHEN (NEW.album_art_key IS NOT NULL) EXECUTE FUNCTION sfa_cover_known();
ALTER TABLE tracks
    ADD CONSTRAINT tracks_album_art_key_relative CHECK (album_art_key ~ '^[A-Za-z0-9_-]' AND album_art_key !~ '(^|/)\.\.?(/|$)'),
    ADD CONSTRAINT tracks_album_art_key_fkey FOREIGN KEY (album_art_key) REFERENCES objects;
CREATE INDEX tracks_album_art_key_idx ON tracks (album_art_key) WHERE album_art_key IS NOT NULL;
