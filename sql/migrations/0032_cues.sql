-- Cue points: where to jump to, and loops. Plain INSERT, UPDATE and DELETE are the interface, and the rules are the
-- table's. The auto_cue job writes its own (auto_generated) and touches nobody else's: a cue that a person changes
-- becomes that person's, one that a person deletes does not come back.

CREATE TYPE cue_type AS ENUM ('hot', 'loop_in', 'loop_out', 'memory');

CREATE TABLE cue_points (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    position_ms integer NOT NULL,
    cue_type cue_type NOT NULL DEFAULT 'memory',
    label text NOT NULL DEFAULT '',
    colour text,
    -- Which of a controller's eight pads a hot cue lies on; NULL where none was free.
    pad smallint,
    -- A loop's end names its beginning, and goes with it.
    loop_in_id uuid,
    auto_generated boolean NOT NULL DEFAULT false,
    confidence real NOT NULL DEFAULT 1,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT cue_points_position_positive CHECK (position_ms >= 0),
    CONSTRAINT cue_points_label_length CHECK (length(label) <= 100),
    CONSTRAINT cue_points_colour_format CHECK (colour ~ '^#[0-9A-Fa-f]{6}$'),
    CONSTRAINT cue_points_confidence_range CHECK (confidence BETWEEN 0 AND 1),
    CONSTRAINT cue_points_pad_of_hot CHECK (pad IS NULL OR pad BETWEEN 1 AND 8 AND cue_type = 'hot'),
    CONSTRAINT cue_points_loop_out_has_in CHECK ((cue_type = 'loop_out') = (loop_in_id IS NOT NULL)),
    CONSTRAINT cue_points_one_a_place UNIQUE (track_id, cue_type, position_ms),
    CONSTRAINT cue_points_one_a_pad UNIQUE (track_id, pad),
    CONSTRAINT cue_points_one_loop_out UNIQUE (loop_in_id),
    CONSTRAINT cue_points_of_track UNIQUE (id, track_id),
    CONSTRAINT cue_points_loop_in_fkey FOREIGN KEY (loop_in_id, track_id) REFERENCES cue_points (id, track_id) ON DELETE CASCADE
);

-- Where a person deleted an automatic cue.
CREATE TABLE cue_dismissals (
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    position_ms integer NOT NULL,
    PRIMARY KEY (track_id, position_ms)
);

CREATE FUNCTION sfa_cue_check() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    length_ms integer;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.track_id <> OLD.track_id THEN
            PERFORM sfa_refuse('cue_points_stay', 'a cue point stays with its track: delete it and make another');
        END IF;
        NEW.updated_at := now();
        -- What a person has changed is that person's.
        IF (NEW.position_ms, NEW.cue_type, NEW.label, NEW.colour, NEW.pad, NEW.loop_in_id)
           IS DISTINCT FROM (OLD.position_ms, OLD.cue_type, OLD.label, OLD.colour, OLD.pad, OLD.loop_in_id) THEN
            NEW.auto_generated := false;
        END IF;
        IF NEW.cue_type <> 'hot' THEN
            NEW.pad := NULL;
        END IF;
    ELSIF NEW.cue_type = 'hot' AND NEW.pad IS NULL THEN
        SELECT min(n) INTO NEW.pad FROM generate_series(1, 8) n
        WHERE NOT EXISTS (SELECT FROM cue_points c WHERE c.track_id = NEW.track_id AND c.pad = n);
    END IF;
    SELECT duration_ms INTO length_ms FROM tracks WHERE id = NEW.track_id;
    IF NEW.position_ms > length_ms THEN
        PERFORM sfa_refuse('cue_points_within_track', format('position_ms %s lies after the track''s end, %s', NEW.position_ms, length_ms));
    END IF;
    IF EXISTS (SELECT FROM cue_points c WHERE c.id = NEW.loop_in_id AND (c.cue_type <> 'loop_in' OR c.position_ms >= NEW.position_ms))
       OR TG_OP = 'UPDATE' AND EXISTS (SELECT FROM cue_points c WHERE c.loop_in_id = NEW.id AND (NEW.cue_type <> 'loop_in' OR c.position_ms <= NEW.position_ms)) THEN
        PERFORM sfa_refuse('cue_points_loop_order', 'a loop_out names a loop_in of the same track that lies before it');
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER sfa_cue_check BEFORE INSERT OR UPDATE ON cue_points FOR EACH ROW EXECUTE FUNCTION sfa_cue_check();

-- Both ends of a loop are somebody's, or neither is.
CREATE FUNCTION sfa_cue_claimed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE cue_points SET auto_generated = false
    WHERE (id = NEW.loop_in_id OR loop_in_id = NEW.id) AND auto_generated;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_cue_claimed AFTER UPDATE ON cue_points
    FOR EACH ROW WHEN (OLD.auto_generated AND NOT NEW.auto_generated) EXECUTE FUNCTION sfa_cue_claimed();

CREATE FUNCTION sfa_cue_dismissed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- Not when a new run replaces them, and not when the track itself goes.
    IF current_setting('sfa.cues', true) IS DISTINCT FROM 'replacing' THEN
        INSERT INTO cue_dismissals (track_id, position_ms)
        SELECT OLD.track_id, OLD.position_ms FROM tracks WHERE id = OLD.track_id
        ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_cue_dismissed AFTER DELETE ON cue_points
    FOR EACH ROW WHEN (OLD.auto_generated AND OLD.cue_type <> 'loop_out') EXECUTE FUNCTION sfa_cue_dismissed();

CREATE TRIGGER sfa_notify_insert AFTER INSERT ON cue_points REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');
CREATE TRIGGER sfa_notify_update AFTER UPDATE ON cue_points REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');
CREATE TRIGGER sfa_notify_delete AFTER DELETE ON cue_points REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');

-- ---------------------------------------------------------------- for people and pages

-- The beat nearest to a place, in milliseconds; the place itself where the track has no beats.
CREATE FUNCTION sfa_beat_near(_track uuid, _position_ms integer) RETURNS integer LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce((
        SELECT round(1000 * beat::numeric)::integer
        FROM grids, jsonb_array_elements_text(beats) beat WHERE track_id = _track
        ORDER BY abs(1000 * beat::numeric - _position_ms) LIMIT 1), _position_ms)
$$;

-- A cue point, on the nearest beat unless told otherwise. Its id.
CREATE FUNCTION sfa_cue_add(
    _track uuid, _position_ms integer, _type cue_type DEFAULT 'memory', _label text DEFAULT '', _colour text DEFAULT NULL, _snap boolean DEFAULT true
) RETURNS uuid LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO cue_points (track_id, position_ms, cue_type, label, colour)
    VALUES (_track, CASE WHEN _snap THEN sfa_beat_near(_track, _position_ms) ELSE _position_ms END, _type, _label, _colour)
    RETURNING id
$$;

-- A loop, from beat to beat unless told otherwise. The id of its beginning.
CREATE FUNCTION sfa_loop_add(
    _track uuid, _in_ms integer, _out_ms integer, _label text DEFAULT '', _colour text DEFAULT NULL, _snap boolean DEFAULT true
) RETURNS uuid LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    start_id uuid := sfa_cue_add(_track, _in_ms, 'loop_in', _label, _colour, _snap);
BEGIN
    INSERT INTO cue_points (track_id, position_ms, cue_type, label, colour, loop_in_id)
    VALUES (_track, CASE WHEN _snap THEN sfa_beat_near(_track, _out_ms) ELSE _out_ms END, 'loop_out', _label, _colour, start_id);
    RETURN start_id;
END $$;

-- A cue point to another place, on the nearest beat unless told otherwise. Where it lies now; NULL: there is no such cue.
CREATE FUNCTION sfa_cue_move(_cue uuid, _position_ms integer, _snap boolean DEFAULT true) RETURNS integer LANGUAGE sql SET search_path FROM CURRENT AS $$
    UPDATE cue_points SET position_ms = CASE WHEN _snap THEN sfa_beat_near(track_id, _position_ms) ELSE _position_ms END
    WHERE id = _cue RETURNING position_ms
$$;

-- ---------------------------------------------------------------- for the auto_cue job

-- A track's automatic cues are replaced by these: [{position_ms, cue_type, label, colour, confidence, length_ms}], the most
-- important first. What lies within half a second of a person's cue, or of one that a person deleted, is left out.
-- How many cues there are now.
CREATE FUNCTION sfa_cues_replace(_track uuid, _cues jsonb) RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cue record;
    made uuid;
    written integer := 0;
BEGIN
    PERFORM set_config('sfa.cues', 'replacing', true);
    DELETE FROM cue_points WHERE track_id = _track AND auto_generated;
    PERFORM set_config('sfa.cues', '', true);
    FOR cue IN
        SELECT * FROM jsonb_to_recordset(_cues) AS c (position_ms integer, cue_type cue_type, label text, colour text, confidence real, length_ms integer)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM cue_points c WHERE c.track_id = _track AND NOT c.auto_generated AND abs(c.position_ms - cue.position_ms) < 500)
            OR EXISTS (SELECT FROM cue_dismissals d WHERE d.track_id = _track AND abs(d.position_ms - cue.position_ms) < 500);
        INSERT INTO cue_points (track_id, position_ms, cue_type, label, colour, auto_generated, confidence)
        VALUES (_track, cue.position_ms, cue.cue_type, cue.label, cue.colour, true, cue.confidence)
        RETURNING id INTO made;
        written := written + 1;
        IF cue.cue_type = 'loop_in' THEN
            INSERT INTO cue_points (track_id, position_ms, cue_type, label, colour, auto_generated, confidence, loop_in_id)
            VALUES (_track, cue.position_ms + cue.length_ms, 'loop_out', cue.label, cue.colour, true, cue.confidence, made);
            written := written + 1;
        END IF;
    END LOOP;
    RETURN written;
END $$;

INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts) VALUES
    ('auto_cue', 'analysis', 'analysis_jobs', '{track_id,needs,after}', 3);

-- An analysis is followed by its cues. One that was enqueued before there was an analysis has waited for this one.
CREATE FUNCTION sfa_follow_auto_cue(_track uuid) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO analysis_jobs (track_id, operation) VALUES (_track, 'auto_cue') ON CONFLICT DO NOTHING;
    UPDATE procrastinate_jobs j SET scheduled_at = NULL FROM analysis_jobs a
    WHERE a.track_id = _track AND a.operation = 'auto_cue' AND a.finished_at IS NULL
      AND j.id = a.queue_job_id AND j.status = 'todo' AND j.scheduled_at IS NOT NULL;
END $$;
