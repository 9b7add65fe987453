-- Cue points moved together, in the order given: a loop's ends keep their distance, and at no moment does the end lie
-- before the beginning. Where the first of them lies by then.
CREATE FUNCTION sfa_cues_shift(_cues uuid[], _by integer) RETURNS integer LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cue uuid;
BEGIN
    FOREACH cue IN ARRAY _cues LOOP
        UPDATE cue_points SET position_ms = position_ms + _by WHERE id = cue;
    END LOOP;
    RETURN (SELECT min(position_ms) FROM cue_points WHERE id = ANY (_cues));
END $$;

-- A loop from one place to another, each on the nearest beat unless told otherwise; a beginning that is NULL stays. The end goes
-- first where the loop moves to the right: at no moment does it lie before the beginning.
CREATE FUNCTION sfa_loop_place(_cue uuid, _in_ms integer, _out_ms integer, _snap boolean DEFAULT true) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    cue cue_points;
    begins integer;
    ends integer;
BEGIN
    SELECT * INTO cue FROM cue_points WHERE id = _cue FOR UPDATE;
    IF cue.cue_type IS DISTINCT FROM 'loop_in' THEN
        PERFORM sfa_refuse('cue_points_loop_has_end', 'only a loop has an end');
    END IF;
    begins := CASE WHEN _in_ms IS NULL THEN cue.position_ms WHEN _snap THEN sfa_beat_near(cue.track_id, _in_ms) ELSE _in_ms END;
    ends := CASE WHEN _snap THEN sfa_beat_near(cue.track_id, _out_ms) ELSE _out_ms END;
    IF ends <= begins THEN
        PERFORM sfa_refuse('cue_points_loop_order', 'a loop ends after it begins');
    END IF;
    IF ends > cue.position_ms THEN
        UPDATE cue_points SET position_ms = ends WHERE loop_in_id = _cue;
        UPDATE cue_points SET position_ms = begins WHERE id = _cue;
    ELSE
        UPDATE cue_points SET position_ms = begins WHERE id = _cue;
        UPDATE cue_points SET position_ms = ends WHERE loop_in_id = _cue;
    END IF;
END $$;
