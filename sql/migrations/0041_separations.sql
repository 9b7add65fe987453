-- The same audio, model and parameters are separated once. A recipe is the sha256 over all that decides the output.

ALTER TABLE processing_jobs ADD COLUMN recipe text;
CREATE INDEX processing_jobs_recipe_idx ON processing_jobs (recipe) WHERE recipe IS NOT NULL;
ALTER TABLE stems
    -- How often it reaches full scale, whether it is silent, how much of the other stems is in it.
    ADD COLUMN checks jsonb NOT NULL DEFAULT '{}';

-- Who is at work on a recipe. It counts as long as its lease lives; a second one waits and links.
CREATE TABLE separations (
    recipe text PRIMARY KEY,
    processing_job_id uuid NOT NULL REFERENCES processing_jobs ON DELETE CASCADE,
    token uuid NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX separations_job_idx ON separations (processing_job_id);

-- True: the caller's attempt separates it. False: another attempt, which is alive, does.
CREATE FUNCTION sfa_separation_begin(_recipe text, _job uuid, _token uuid) RETURNS boolean LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH taken AS (
        INSERT INTO separations AS s (recipe, processing_job_id, token) VALUES (_recipe, _job, _token)
        ON CONFLICT (recipe) DO UPDATE SET processing_job_id = excluded.processing_job_id, token = excluded.token, inserted_at = now()
        WHERE s.token = excluded.token OR NOT EXISTS (SELECT FROM leases l WHERE l.token = s.token)
        RETURNING 1
    )
    SELECT EXISTS (SELECT FROM taken)
$$;

-- What decides the price of a model before it was ever measured: how many networks it runs, whether each makes one stem
-- (then only those of the wanted stems run), and how much memory it takes.
ALTER TABLE models
    ADD COLUMN networks smallint NOT NULL DEFAULT 1,
    ADD COLUMN apart boolean NOT NULL DEFAULT false,
    ADD COLUMN memory_bytes bigint NOT NULL DEFAULT 1300000000,
    ADD CONSTRAINT models_measures CHECK (networks > 0 AND memory_bytes > 0);
UPDATE models SET networks = 4, apart = name = 'htdemucs_ft', memory_bytes = CASE name WHEN 'mdx_extra' THEN 5800000000 ELSE 1800000000 END
WHERE name IN ('htdemucs_ft', 'mdx_extra');
UPDATE models SET memory_bytes = 450000000 WHERE engine = 'spectral';

-- How fast each host separates: audio seconds and the seconds they took, by model, device, precision and networks, at
-- the usual overlap; and what it took of memory.
CREATE TABLE separation_speeds (
    host text NOT NULL,
    model text NOT NULL REFERENCES models ON DELETE CASCADE,
    device text NOT NULL,
    precision text NOT NULL,
    networks integer NOT NULL,
    audio_seconds double precision NOT NULL,
    seconds double precision NOT NULL,
    peak_bytes bigint,
    runs integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (host, model, device, precision, networks),
    CONSTRAINT separation_speeds_positive CHECK (audio_seconds > 0 AND seconds > 0 AND networks > 0 AND runs > 0)
);

-- The newest runs weigh most: of what was there before, three quarters count. An overlap of 0 does three quarters of
-- the work of the usual 0.25, and so on.
CREATE FUNCTION sfa_speed_note(
    _host text, _model text, _device text, _precision text, _networks integer, _overlap double precision,
    _audio double precision, _seconds double precision, _peak bigint
) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO separation_speeds AS s (host, model, device, precision, networks, audio_seconds, seconds, peak_bytes)
    SELECT _host, _model, _device, _precision, _networks, _audio, _seconds * (1 - _overlap) / 0.75, nullif(_peak, 0)
    WHERE _audio > 0 AND _seconds > 0
    ON CONFLICT (host, model, device, precision, networks) DO UPDATE SET
        audio_seconds = 0.75 * s.audio_seconds + excluded.audio_seconds, seconds = 0.75 * s.seconds + excluded.seconds,
        peak_bytes = coalesce(excluded.peak_bytes, s.peak_bytes), runs = s.runs + 1, updated_at = now()
$$;

-- What separating so many seconds of audio would cost: a row a host that has separated anything with this engine, the
-- quickest first; one row without a host and without seconds where none has. `measured`: by this very model, networks
-- and precision; else guessed from what is most like it. speed: seconds of audio a second.
CREATE FUNCTION sfa_price(_audio double precision, _model text, _options jsonb DEFAULT '{}')
RETURNS TABLE (host text, device text, seconds double precision, speed double precision, memory_bytes bigint, disk_bytes bigint, measured boolean)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    WITH wanted AS (
        SELECT m.*, coalesce(_options ->> 'precision', 'exact') AS accuracy,
               CASE m.engine WHEN 'demucs' THEN coalesce((_options ->> 'overlap')::float8, 0.25) ELSE 0.25 END AS overlap,
               CASE WHEN m.apart THEN cardinality(s.computed) ELSE m.networks END AS runs, s.written
        FROM models m, LATERAL (
            SELECT array_agg(DISTINCT regexp_replace(name, '^no_', '')) AS computed, count(DISTINCT name)::int AS written
            FROM unnest(CASE WHEN _options ? 'stems' THEN ARRAY(SELECT jsonb_array_elements_text(_options -> 'stems')) ELSE m.stems END) name) s
        WHERE m.name = _model
    ), nearest AS (
        SELECT DISTINCT ON (s.host) s.host, s.device, s.peak_bytes,
               s.seconds / s.audio_seconds * w.runs / s.networks * 0.75 / (1 - w.overlap) AS cost,
               s.model = w.name AND s.precision = w.accuracy AND s.networks = w.runs AS measured
        FROM wanted w JOIN models like_it ON like_it.engine = w.engine JOIN separation_speeds s ON s.model = like_it.name
        WHERE coalesce(_options ->> 'device', 'auto') IN ('auto', split_part(s.device, ':', 1))
        ORDER BY s.host, s.model = w.name DESC, s.precision = w.accuracy DESC, s.precision = 'exact' DESC,
                 abs(s.networks - w.runs), s.updated_at DESC
    )
    SELECT n.host, n.device, _audio * n.cost, 1 / n.cost,
           CASE WHEN n.measured THEN coalesce(n.peak_bytes, w.memory_bytes) ELSE w.memory_bytes END,
           -- Floats at 44.1 kHz in stereo while they grow, and one more while a stem is given its form.
           (_audio * 44100 * 8 * (w.written + 1))::bigint, coalesce(n.measured, false)
    FROM wanted w LEFT JOIN nearest n ON true
    ORDER BY n.cost
$$;

CREATE FUNCTION sfa_estimate(_track uuid, _model text, _options jsonb DEFAULT '{}')
RETURNS TABLE (host text, device text, seconds double precision, speed double precision, memory_bytes bigint, disk_bytes bigint, measured boolean)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT p.* FROM tracks t, sfa_price(t.duration_ms / 1000.0, _model, _options) p WHERE t.id = _track
$$;
