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
