-- The grid that counts: what the analysis found in the mix, or in the drums once they are separated, with what a person
-- corrected. A correction says what is right (this tempo, a beat here, a bar there), not what was wrong: so it holds for
-- the next analysis too, which is fitted to it. `sfa_analyses` is what pages, jobs and people read.

ALTER TABLE analysis_jobs
    -- The tempi to look between, in BPM; NULL: 40 and 240.
    ADD COLUMN tempo_min real,
    ADD COLUMN tempo_max real,
    -- Only what there is not yet; so set by the jobs that follow a separation.
    ADD COLUMN missing_only boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT analysis_jobs_tempo_range CHECK (
        coalesce(tempo_min, 40) >= 20 AND coalesce(tempo_max, 240) <= 400 AND coalesce(tempo_min, 40) < coalesce(tempo_max, 240));
UPDATE job_kinds SET arguments = arguments || '{tempo_min,tempo_max,missing_only}' WHERE task_name = 'analysis';

-- The version that the analyzer writes (sfa.features.VERSION; a test compares them).
CREATE FUNCTION sfa_analysis_version() RETURNS integer LANGUAGE sql IMMUTABLE AS $$ SELECT 2 $$;

-- Beats of the drums and key of bass and other, a row a separation; the mix's own answers stay in analysis_results.
CREATE TABLE stem_analyses (
    processing_job_id uuid PRIMARY KEY REFERENCES processing_jobs ON DELETE CASCADE,
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    version integer NOT NULL,
    tempo real,
    tempo_confidence real NOT NULL,
    key text,
    key_confidence real NOT NULL,
    camelot text,
    -- beats, bars, grid and key_detail, in the shapes that they have in analysis_results.
    features jsonb NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stem_analyses_tempo_range CHECK (tempo BETWEEN 20 AND 400),
    CONSTRAINT stem_analyses_key_name CHECK (key ~ '^[A-G](#|b)? (major|minor)$'),
    CONSTRAINT stem_analyses_camelot_name CHECK (camelot ~ '^([1-9]|1[0-2])[AB]$'),
    CONSTRAINT stem_analyses_unit_ranges CHECK (tempo_confidence BETWEEN 0 AND 1 AND key_confidence BETWEEN 0 AND 1)
);
CREATE INDEX stem_analyses_track_idx ON stem_analyses (track_id);

-- What a person says of a track's grid. NULL: as analysed.
CREATE TABLE grid_corrections (
    track_id uuid PRIMARY KEY REFERENCES tracks ON DELETE CASCADE,
    tempo double precision,
    -- Seconds: here is a beat; here begins a bar.
    anchor double precision,
    downbeat double precision,
    metre smallint,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grid_corrections_tempo_range CHECK (tempo BETWEEN 20 AND 400),
    CONSTRAINT grid_corrections_metre_range CHECK (metre BETWEEN 2 AND 12),
    CONSTRAINT grid_corrections_places CHECK (anchor BETWEEN -60 AND 1e6 AND downbeat BETWEEN -60 AND 1e6)
);

-- A row a track, written anew by triggers whenever one of its sources changes; never by hand.
CREATE TABLE grids (
    track_id uuid PRIMARY KEY REFERENCES tracks ON DELETE CASCADE,
    -- mix | drums: where the beats were found; user: a correction counts.
    source text NOT NULL,
    -- The separation whose stems were analysed, if any.
    separation_id uuid REFERENCES processing_jobs ON DELETE SET NULL,
    tempo real,
    confidence real NOT NULL,
    metre smallint NOT NULL,
    -- Seconds, as JSON lists.
    beats jsonb NOT NULL,
    bars jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT grids_source_known CHECK (source IN ('mix', 'drums', 'user'))
);
CREATE INDEX grids_separation_idx ON grids (separation_id);

-- The separation whose stems say most: Demucs before the preview, then the newest; it must have drums, bass and other.
CREATE FUNCTION sfa_best_separation(_track uuid) RETURNS uuid LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT p.id FROM processing_jobs p
    WHERE p.track_id = _track AND p.operation = 'separate' AND p.status = 'completed'
      AND (SELECT count(DISTINCT stem_type) FROM stems s WHERE s.processing_job_id = p.id AND stem_type IN ('drums', 'bass', 'other')) = 3
    ORDER BY p.engine <> 'spectral' DESC, p.finished_at DESC, p.id LIMIT 1
$$;

-- ---------------------------------------------------------------- the grid, built

CREATE FUNCTION sfa_seconds(_list jsonb) RETURNS double precision[] LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT ARRAY(SELECT v::double precision FROM jsonb_array_elements_text(_list) WITH ORDINALITY AS e (v, n) ORDER BY n)
$$;

-- The index (from 1) of the time that is nearest to a place.
CREATE FUNCTION sfa_nearest(_times double precision[], _seconds double precision) RETURNS integer LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT n::integer FROM unnest(_times) WITH ORDINALITY AS e (t, n) ORDER BY abs(t - _seconds), n LIMIT 1
$$;

-- The simple ratio of two tempi within a thousandth; NULL: they have nothing to do with each other.
CREATE FUNCTION sfa_tempo_ratio(_wanted double precision, _found double precision, _within double precision DEFAULT 0.001)
RETURNS double precision LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT r FROM unnest('{1,2,0.5,4,0.25,3,0.3333333333333333,1.5,0.6666666666666666,0.75,1.3333333333333333}'::double precision[]) r
    WHERE abs(_wanted / (r * _found) - 1) <= _within ORDER BY abs(_wanted / (r * _found) - 1) LIMIT 1
$$;

CREATE FUNCTION sfa_grid_rebuild(_track uuid) RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    mix analysis_results;
    stem stem_analyses;
    wanted grid_corrections;
    made grids;
    heard jsonb;
    beats double precision[];
    bars double precision[];
    seconds double precision;
    ratio double precision := 1;
    first_bar integer;
    shift double precision;
BEGIN
    SELECT * INTO mix FROM analysis_results WHERE track_id = _track ORDER BY version DESC LIMIT 1;
    IF NOT FOUND THEN
        DELETE FROM grids WHERE track_id = _track;
        RETURN;
    END IF;
    SELECT s.* INTO stem FROM stem_analyses s JOIN processing_jobs p ON p.id = s.processing_job_id
    WHERE s.track_id = _track ORDER BY p.engine <> 'spectral' DESC, p.finished_at DESC, p.id LIMIT 1;
    SELECT * INTO wanted FROM grid_corrections WHERE track_id = _track;
    seconds := mix.duration_ms / 1000.0;
    made.separation_id := stem.processing_job_id;
    -- The drums' answer counts where it is at least as sure, and of the same octave: half or double is told by the mix, whose
    -- harmony and voices say what is a beat; drums alone are often heard twice as fast.
    IF stem.tempo IS NOT NULL AND (mix.tempo IS NULL
        OR stem.tempo_confidence >= mix.tempo_confidence AND abs(stem.tempo / mix.tempo - 1) <= 0.04) THEN
        made.source := 'drums'; made.tempo := stem.tempo; made.confidence := stem.tempo_confidence; heard := stem.features;
    ELSE
        made.source := 'mix'; made.tempo := mix.tempo; made.confidence := mix.tempo_confidence; heard := mix.features;
    END IF;
    beats := sfa_seconds(heard -> 'beats');
    bars := sfa_seconds(heard -> 'bars');
    made.metre := coalesce(wanted.metre, (heard -> 'grid' ->> 'metre')::smallint, 4);
    IF num_nonnulls(wanted.tempo, wanted.anchor, wanted.downbeat, wanted.metre) > 0 THEN
        made.source := 'user';
        made.confidence := 1;
        IF wanted.tempo IS NOT NULL THEN
            ratio := CASE WHEN made.tempo IS NOT NULL AND cardinality(beats) >= 2 THEN sfa_tempo_ratio(wanted.tempo, made.tempo) END;
            made.tempo := CASE WHEN ratio IS NULL THEN wanted.tempo ELSE made.tempo * ratio END;
        END IF;
        IF ratio IS NULL THEN
            -- A tempo of the person's own: a constant grid through the anchor.
            shift := coalesce(wanted.anchor, wanted.downbeat, beats[1], 0);
            beats := ARRAY(SELECT shift + k * 60 / wanted.tempo
                FROM generate_series(ceil(-shift * wanted.tempo / 60)::integer, floor((seconds - shift) * wanted.tempo / 60)::integer) k);
            bars := '{}';
        ELSE
            IF ratio <> 1 THEN
                -- More or fewer beats than were heard; where bars began, there is a beat still.
                first_bar := coalesce(sfa_nearest(beats, bars[1]), 1);
                beats := ARRAY(
                    SELECT CASE WHEN n >= cardinality(beats) THEN beats[n] ELSE beats[n] + (x - n) * (beats[n + 1] - beats[n]) END
                    FROM generate_series(-ceil((first_bar - 1) * ratio)::integer, ceil((cardinality(beats) - first_bar) * ratio)::integer) k,
                         LATERAL (SELECT first_bar + k / ratio AS x) place, LATERAL (SELECT floor(x + 1e-9)::integer AS n) whole
                    WHERE x BETWEEN 1 - 1e-9 AND cardinality(beats) + 1e-9 ORDER BY k);
            END IF;
            IF wanted.anchor IS NOT NULL AND cardinality(beats) > 0 THEN
                shift := wanted.anchor - beats[sfa_nearest(beats, wanted.anchor)];
                beats := ARRAY(SELECT b + shift FROM unnest(beats) WITH ORDINALITY AS e (b, n) WHERE b + shift BETWEEN 0 AND seconds ORDER BY n);
                bars := ARRAY(SELECT b + shift FROM unnest(bars) WITH ORDINALITY AS e (b, n) WHERE b + shift BETWEEN 0 AND seconds ORDER BY n);
            END IF;
        END IF;
        first_bar := sfa_nearest(beats, coalesce(wanted.downbeat, bars[1], beats[1]));
        bars := ARRAY(SELECT b FROM unnest(beats) WITH ORDINALITY AS e (b, n) WHERE (n - first_bar) % made.metre = 0 ORDER BY n);
    END IF;
    INSERT INTO grids AS g (track_id, source, separation_id, tempo, confidence, metre, beats, bars)
    VALUES (_track, made.source, made.separation_id, made.tempo, made.confidence, made.metre,
            coalesce((SELECT jsonb_agg(round(b::numeric, 4) ORDER BY n) FROM unnest(beats) WITH ORDINALITY AS e (b, n)), '[]'),
            coalesce((SELECT jsonb_agg(round(b::numeric, 4) ORDER BY n) FROM unnest(bars) WITH ORDINALITY AS e (b, n)), '[]'))
    ON CONFLICT (track_id) DO UPDATE SET source = excluded.source, separation_id = excluded.separation_id, tempo = excluded.tempo,
        confidence = excluded.confidence, metre = excluded.metre, beats = excluded.beats, bars = excluded.bars, updated_at = now();
END $$;

-- What counts of a track's analyses, beside its title: lists are sorted and narrowed by it, each order by an index (0051).
ALTER TABLE tracks
    ADD COLUMN heard_tempo real,
    ADD COLUMN heard_key text,
    ADD COLUMN heard_camelot text;

CREATE FUNCTION sfa_grid_changed() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    target uuid := coalesce(NEW.track_id, OLD.track_id);
BEGIN
    -- The track first, as whoever records a result does: two that change one track's grid take turns. A track that is
    -- being deleted takes everything along.
    PERFORM FROM tracks WHERE id = target FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM sfa_grid_rebuild(target);
    UPDATE tracks t SET heard_tempo = a.tempo, heard_key = a.key, heard_camelot = a.camelot, duration_ms = coalesce(t.duration_ms, a.duration_ms)
    FROM (SELECT) one LEFT JOIN sfa_analyses a ON a.track_id = target
    WHERE t.id = target AND (t.heard_tempo, t.heard_key, t.heard_camelot, t.duration_ms)
        IS DISTINCT FROM (a.tempo, a.key, a.camelot, coalesce(t.duration_ms, a.duration_ms));
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_grid_changed AFTER INSERT OR UPDATE OR DELETE ON analysis_results FOR EACH ROW EXECUTE FUNCTION sfa_grid_changed();
CREATE TRIGGER sfa_grid_changed AFTER INSERT OR UPDATE OR DELETE ON stem_analyses FOR EACH ROW EXECUTE FUNCTION sfa_grid_changed();
CREATE TRIGGER sfa_grid_changed AFTER INSERT OR UPDATE OR DELETE ON grid_corrections FOR EACH ROW EXECUTE FUNCTION sfa_grid_changed();

CREATE TRIGGER sfa_notify_insert AFTER INSERT ON grids REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');
CREATE TRIGGER sfa_notify_update AFTER UPDATE ON grids REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_changed('track_id');

-- ---------------------------------------------------------------- corrections

-- Correct a track's grid without analysing it again; what is not named stays. By name:
--   sfa_grid_correct(id, _factor => 2)          twice the tempo (0.5: half; 3, 1.5 and the like too)
--   sfa_grid_correct(id, _shift_ms => -12)      every beat and bar 12 ms sooner
--   sfa_grid_correct(id, _taps => '{0.5,1.01,1.49,2.02}')   seconds in the track, four taps at least
--   sfa_grid_correct(id, _downbeat => 3.5)      a bar begins at the beat nearest to 3.5 s
--   sfa_grid_correct(id, _tempo => 126)         this tempo and no other;   _metre => 3   beats a bar
-- The tempo that counts from then on. sfa_grid_reset takes all of it back.
CREATE FUNCTION sfa_grid_correct(
    _track uuid, _factor double precision DEFAULT NULL, _shift_ms double precision DEFAULT NULL, _taps double precision[] DEFAULT NULL,
    _downbeat double precision DEFAULT NULL, _tempo double precision DEFAULT NULL, _metre integer DEFAULT NULL
) RETURNS real LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    grid grids;
    wanted grid_corrections;
    beats double precision[];
    beat integer;
    tap record;
    ratio double precision;
BEGIN
    -- One correction at a time: two quick clicks on "double" are four times the tempo.
    PERFORM FROM tracks WHERE id = _track FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no track "%"', _track USING ERRCODE = 'no_data_found';
    END IF;
    IF num_nonnulls(_factor, _shift_ms, _taps, _downbeat, _tempo, _metre) = 0 THEN
        PERFORM sfa_refuse('grid_corrections_something', 'nothing to correct', 'Name one of _factor, _shift_ms, _taps, _downbeat, _tempo, _metre.');
    END IF;
    SELECT * INTO grid FROM grids WHERE track_id = _track;
    IF NOT FOUND THEN
        PERFORM sfa_refuse('grid_corrections_need_analysis', 'the track has no analysis yet, hence no grid to correct', 'INSERT INTO analysis_jobs (track_id) VALUES (…).');
    END IF;
    SELECT * INTO wanted FROM grid_corrections WHERE track_id = _track;
    wanted.tempo := coalesce(_tempo, wanted.tempo);
    wanted.metre := coalesce(_metre, wanted.metre);
    IF _factor IS NOT NULL THEN
        IF grid.tempo IS NULL OR NOT grid.tempo * _factor BETWEEN 20 AND 400 THEN
            PERFORM sfa_refuse('grid_corrections_tempo_range', CASE WHEN grid.tempo IS NULL THEN 'the track has no tempo to multiply'
                ELSE format('%s × %s BPM lies outside of 20 to 400 BPM', round(grid.tempo::numeric, 2), _factor) END, 'Tap it, or give _tempo.');
        END IF;
        wanted.tempo := grid.tempo * _factor;
        IF wanted.anchor IS NOT NULL THEN
            -- Where a bar begins there is a beat, however many there are.
            wanted.anchor := coalesce((grid.bars ->> 0)::double precision, wanted.anchor);
            wanted.downbeat := wanted.anchor;
        END IF;
    END IF;
    IF _taps IS NOT NULL THEN
        -- A line through (number, time); a tap may have been left out.
        SELECT regr_slope(t, k) AS period, regr_intercept(t, k) AS start, count(*) AS taps, min(t) AS low, max(t) AS high INTO tap FROM (
            SELECT t, sum(greatest(1, round((t - before) / usual))) OVER (ORDER BY t) AS k FROM (
                SELECT t, coalesce(lag(t) OVER (ORDER BY t), t - usual) AS before, usual FROM unnest(_taps) t, (
                    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS usual FROM (
                        SELECT t - lag(t) OVER (ORDER BY t) AS gap FROM unnest(_taps) t) gaps) middle WHERE usual > 0) steps) numbered;
        IF tap.taps IS NULL OR tap.taps < 4 OR NOT coalesce(60 / nullif(tap.period, 0) BETWEEN 20 AND 400, false) OR tap.low < -1 OR tap.high > 1e6 THEN
            PERFORM sfa_refuse('grid_corrections_taps', 'taps are four times or more, in seconds, of 20 to 400 BPM');
        END IF;
        -- Fingers are right about which beat, the analysis about when: near a simple ratio its grid is kept.
        ratio := CASE WHEN grid.tempo IS NOT NULL THEN sfa_tempo_ratio(60 / tap.period, grid.tempo, 0.04) END;
        wanted.tempo := CASE WHEN ratio IS NULL THEN 60 / tap.period ELSE grid.tempo * ratio END;
        wanted.anchor := tap.start + tap.period * round(((tap.low + tap.high) / 2 - tap.start) / tap.period);
        wanted.downbeat := NULL;
        IF ratio IS NOT NULL THEN
            beats := sfa_seconds(grid.beats);
            -- Half of the beats that were found, say, have two ways to lie: the taps choose, to the nearest found beat.
            beat := sfa_nearest(beats, wanted.anchor);
            wanted.anchor := CASE
                WHEN abs(beats[beat] - wanted.anchor) <= 0.08 THEN beats[beat]
                WHEN ratio >= 1 AND abs((beats[beat] + beats[beat + 1]) / 2 - wanted.anchor) <= 0.08 THEN (beats[beat] + beats[beat + 1]) / 2
                WHEN ratio >= 1 AND abs((beats[beat] + beats[beat - 1]) / 2 - wanted.anchor) <= 0.08 THEN (beats[beat] + beats[beat - 1]) / 2
                ELSE wanted.anchor END;
        END IF;
    END IF;
    IF _shift_ms IS NOT NULL THEN
        beats := sfa_seconds(grid.beats);
        IF cardinality(beats) = 0 THEN
            PERFORM sfa_refuse('grid_corrections_need_beats', 'the track has no beats to shift', 'Tap them, or give _tempo and _downbeat.');
        END IF;
        -- Counted from the middle, where a drifting grid differs least from where it will be.
        wanted.anchor := beats[(cardinality(beats) + 1) / 2] + _shift_ms / 1000;
        wanted.downbeat := coalesce((grid.bars ->> 0)::double precision, beats[1]) + _shift_ms / 1000;
    END IF;
    wanted.downbeat := coalesce(_downbeat, wanted.downbeat);
    INSERT INTO grid_corrections AS c (track_id, tempo, anchor, downbeat, metre)
    VALUES (_track, wanted.tempo, wanted.anchor, wanted.downbeat, wanted.metre)
    ON CONFLICT (track_id) DO UPDATE SET tempo = excluded.tempo, anchor = excluded.anchor, downbeat = excluded.downbeat,
        metre = excluded.metre, updated_at = now();
    PERFORM sfa_follow_auto_cue(_track);
    RETURN (SELECT tempo FROM grids WHERE track_id = _track);
END $$;

-- The grid as analysed again. The tempo that counts from then on.
CREATE FUNCTION sfa_grid_reset(_track uuid) RETURNS real LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    DELETE FROM grid_corrections WHERE track_id = _track;
    IF FOUND THEN
        PERFORM sfa_follow_auto_cue(_track);
    END IF;
    RETURN (SELECT tempo FROM grids WHERE track_id = _track);
END $$;

-- ---------------------------------------------------------------- what everybody reads

-- Times of sections, moments and loops moved to the grid's bar lines where one is within a bar.
CREATE FUNCTION sfa_on_bars(_marks jsonb, _bars jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT coalesce(jsonb_agg(mark || moved ORDER BY n), '[]')
    FROM jsonb_array_elements(_marks) WITH ORDINALITY AS m (mark, n), LATERAL (
        SELECT coalesce(jsonb_object_agg(key, coalesce((
            SELECT bar FROM (SELECT bar::text::numeric AS at, bar FROM jsonb_array_elements(_bars) bar) b
            WHERE abs(at - value::text::numeric) <= 1.5 AND value::text::numeric BETWEEN 0.0001 AND (_bars ->> -1)::numeric ORDER BY abs(at - value::text::numeric) LIMIT 1), value)), '{}') AS moved
        FROM jsonb_each(mark) WHERE key IN ('start', 'end', 'time')) placed
$$;

-- An analysis's features with the grid that counts in place of its own.
CREATE FUNCTION sfa_features(_features jsonb, _grid grids, _stems jsonb, _key_of_stems boolean) RETURNS jsonb LANGUAGE sql IMMUTABLE SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN _grid.track_id IS NULL THEN _features ELSE
        _features || jsonb_build_object('beats', _grid.beats, 'bars', _grid.bars)
        || CASE WHEN _features ? 'grid' THEN jsonb_build_object('grid',
            CASE WHEN _grid.source = 'drums' THEN _stems -> 'grid' ELSE _features -> 'grid' END || jsonb_build_object('metre', _grid.metre)) ELSE '{}' END
        || CASE WHEN _key_of_stems AND _features ? 'key_detail' THEN jsonb_build_object('key_detail', _stems -> 'key_detail') ELSE '{}' END
        || CASE WHEN _grid.source <> 'mix' AND _features ? 'sections' THEN jsonb_build_object(
            'sections', sfa_on_bars(_features -> 'sections', _grid.bars),
            'moments', sfa_on_bars(_features -> 'moments', _grid.bars),
            'loops', sfa_on_bars(_features -> 'loops', _grid.bars)) ELSE '{}' END
    END
$$;

-- A row an analysed track: the answers that count, where each comes from, and those of mix and stems beside them.
CREATE VIEW sfa_analyses AS
    SELECT t.id AS track_id, t.user_id, r.id AS analysis_id, r.version, r.inserted_at AS analysed_at, r.duration_ms, r.sample_rate, r.channels,
           g.tempo, g.confidence AS tempo_confidence, g.source AS tempo_source, g.metre,
           k.key, k.key_confidence, k.camelot, CASE WHEN k.of_stems THEN 'stems' ELSE 'mix' END AS key_source,
           r.tempo AS mix_tempo, r.tempo_confidence AS mix_tempo_confidence, s.tempo AS drums_tempo, s.tempo_confidence AS drums_tempo_confidence,
           r.key AS mix_key, r.key_confidence AS mix_key_confidence, s.key AS stems_key, s.key_confidence AS stems_key_confidence,
           g.separation_id, (extract(epoch FROM g.updated_at) * 1000)::bigint AS grid_stamp, r.energy, r.loudness, r.true_peak_db, r.rms_db, r.peak_db, r.spectral_centroid, r.spectral_rolloff, r.zero_crossing_rate,
           sfa_features(r.features, g, s.features, k.of_stems) AS features
    FROM tracks t
    JOIN LATERAL (SELECT * FROM analysis_results a WHERE a.track_id = t.id ORDER BY a.version DESC LIMIT 1) r ON true
    LEFT JOIN grids g ON g.track_id = t.id
    LEFT JOIN stem_analyses s ON s.processing_job_id = g.separation_id,
    LATERAL (SELECT s.key IS NOT NULL AND (r.key IS NULL OR s.key_confidence >= r.key_confidence) AS of_stems) o,
    LATERAL (SELECT o.of_stems, CASE WHEN o.of_stems THEN s.key ELSE r.key END AS key,
                    CASE WHEN o.of_stems THEN s.key_confidence ELSE r.key_confidence END AS key_confidence,
                    CASE WHEN o.of_stems THEN s.camelot ELSE r.camelot END AS camelot) k;

-- A track that was separated is analysed, or its stems are where the mix was already: only if something is missing, and
-- within the tempi that were asked for last. `_seen` is the separation that the analysis before this one knew of.
CREATE FUNCTION sfa_follow_analysis(_track uuid, _seen uuid DEFAULT NULL) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO analysis_jobs (track_id, missing_only, tempo_min, tempo_max)
    SELECT _track, true, last.tempo_min, last.tempo_max
    FROM (SELECT sfa_best_separation(_track) AS id) best LEFT JOIN LATERAL (
        SELECT tempo_min, tempo_max FROM analysis_jobs WHERE track_id = _track AND operation = 'analyze' ORDER BY inserted_at DESC LIMIT 1) last ON true
    WHERE CASE WHEN _seen IS NULL THEN NOT EXISTS (SELECT FROM analysis_results WHERE track_id = _track AND version >= sfa_analysis_version()) ELSE false END
       OR best.id IS DISTINCT FROM _seen AND NOT EXISTS (
            SELECT FROM stem_analyses s WHERE s.processing_job_id = best.id AND s.version >= sfa_analysis_version())
          AND best.id IS NOT NULL
    ON CONFLICT DO NOTHING
$$;
