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

-- How fast this host separates: audio seconds a second by model, device and precision, and what it took of memory.
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

-- The newest runs weigh most: of what was there before, nine tenths count.
CREATE FUNCTION sfa_speed_note(
    _host text, _model text, _device text, _precision text, _networks integer,
    _audio double precision, _seconds double precision, _peak bigint
) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO separation_speeds AS s (host, model, device, precision, networks, audio_seconds, seconds, peak_bytes)
    VALUES (_host, _model, _device, _precision, _networks, _audio, _seconds, _peak)
    ON CONFLICT (host, model, device, precision, networks) DO UPDATE SET
        audio_seconds = 0.9 * s.audio_seconds + excluded.audio_seconds, seconds = 0.9 * s.seconds + excluded.seconds,
        peak_bytes = coalesce(excluded.peak_bytes, s.peak_bytes), runs = s.runs + 1, updated_at = now()
$$;

-- What a separation would cost, before it is asked for: a row a host that has measured it, the quickest first.
-- `seconds` is NULL where the track's length is unknown. One word for the options that matter: the precision.
CREATE FUNCTION sfa_estimate(_track uuid, _model text, _options jsonb DEFAULT '{}')
RETURNS TABLE (host text, device text, "precision" text, seconds double precision, speed double precision, peak_bytes bigint, disk_bytes bigint, runs integer)
LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT s.host, s.device, s.precision, t.duration_ms / 1000.0 * s.seconds / s.audio_seconds, s.audio_seconds / s.seconds, s.peak_bytes,
           -- Floats at 44.1 kHz in stereo while it works, a set of results, and one stem more while it is turned into its format.
           (t.duration_ms / 1000.0 * 44100 * 8 * (2 * cardinality(m.stems) + 1))::bigint, s.runs
    FROM tracks t JOIN models m ON m.name = _model JOIN separation_speeds s ON s.model = _model
    WHERE t.id = _track AND s.precision = coalesce(_options ->> 'precision', 'exact')
    ORDER BY s.seconds / s.audio_seconds
$$;
