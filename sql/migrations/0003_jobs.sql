-- The job tables that people INSERT into, and what the jobs leave behind.
-- A job's status is never written here by hand: it follows its queue row (0004).

CREATE TYPE job_status AS ENUM ('waiting', 'running', 'retrying', 'completed', 'failed', 'cancelled');
CREATE TYPE processing_operation AS ENUM ('separate', 'export', 'multistem', 'voice_change', 'voice_clean', 'demuser');
CREATE TYPE analysis_operation AS ENUM ('analyze', 'auto_cue');
CREATE TYPE error_kind AS ENUM ('input', 'resource', 'internal', 'crash', 'timeout');

-- What kinds of job there are: the task, the queue it runs on, the table its rows live in, the columns that a
-- queue row's args may name, and its two budgets. Attempts are runs that ended with an error; crashes are runs
-- whose worker or child died. Seconds before it is tried again: retry_base after the first error, crash_base after the
-- child's first crash, times backoff_factor for each further one, backoff_cap at most, and backoff_jitter of it (0–1)
-- more or less. A lack of resources passes more slowly than a mishap: it waits six times as long.
CREATE TABLE job_kinds (
    task_name text PRIMARY KEY,
    queue_name text NOT NULL,
    domain_table text NOT NULL,
    arguments text[] NOT NULL,
    max_attempts integer NOT NULL,
    max_crashes integer NOT NULL DEFAULT 5,
    retry_base real NOT NULL DEFAULT 5,
    crash_base real NOT NULL DEFAULT 2,
    backoff_factor real NOT NULL DEFAULT 2,
    backoff_cap real NOT NULL DEFAULT 300,
    backoff_jitter real NOT NULL DEFAULT 0.2,
    CONSTRAINT job_kinds_budgets CHECK (max_attempts >= 1 AND max_crashes >= 1),
    CONSTRAINT job_kinds_backoff CHECK (
        retry_base >= 0 AND crash_base >= 0 AND backoff_factor BETWEEN 1 AND 10 AND backoff_cap BETWEEN 0 AND 86400 AND backoff_jitter BETWEEN 0 AND 1)
);
INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts) VALUES
    ('download', 'download', 'download_jobs', '{track_id,address,then_model}', 3),
    ('processing', 'processing', 'processing_jobs', '{track_id,model,operation,options,preview}', 2),
    ('analysis', 'analysis', 'analysis_jobs', '{track_id}', 2);

-- listed_as is what lists of one state go by: the status, but one that runs is still among those that wait. So a job that
-- begins changes no column of any index, its new version stays in the old one's page, and no index gets an entry. Which
-- ones run, a handful, the queue rows say (status 'doing').
CREATE TABLE download_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'download' REFERENCES job_kinds,
    address text NOT NULL,
    then_model text DEFAULT 'htdemucs' REFERENCES models,
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
    CONSTRAINT download_jobs_address_http CHECK (address ~* '^https?://[^\s/]+' AND length(address) <= 2000),
    CONSTRAINT download_jobs_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT download_jobs_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT download_jobs_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 50);

CREATE TABLE processing_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'processing' REFERENCES job_kinds,
    operation processing_operation NOT NULL DEFAULT 'separate',
    model text NOT NULL DEFAULT 'htdemucs' REFERENCES models,
    engine separation_engine NOT NULL,
    options jsonb NOT NULL DEFAULT '{}',
    preview boolean NOT NULL DEFAULT false,
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
    result jsonb,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT processing_jobs_options_object CHECK (jsonb_typeof(options) = 'object'),
    -- Options, all optional. format: wav | flac | mp3. bits: 16 | 24 | 32 (wav: 32 is float, the default; flac: 16 or 24).
    -- separate: stems: names of the model's stems, or no_NAME for the mix without one; precision: exact | fast (within
    -- −80 dB) | fastest; overlap of two segments, 0–0.9 (0.25); device: auto | cpu | cuda | mps.
    -- export: of: the separation's id (required); package: mix (the default) | zip | stem.mp4; gains: {stem: dB}, of a mix
    -- (all stems as they are); format and bits as above (a zip without: the stems as they lie there), of a stem.mp4: aac | alac.
    CONSTRAINT processing_jobs_options_known CHECK (engine = 'lalalai' AND operation <> 'export' OR options - CASE operation
        WHEN 'export' THEN '{of,package,gains,format,bits}'::text[]
        ELSE '{format,bits,stems,precision,overlap,device}'::text[] END = '{}'),
    -- The cloud's own rules: 0070.
    CONSTRAINT processing_jobs_format_known CHECK (engine = 'lalalai' AND operation <> 'export' OR options ->> 'format' = ANY (
        CASE options ->> 'package' WHEN 'stem.mp4' THEN '{aac,alac}' ELSE '{wav,flac,mp3}' END::text[])),
    CONSTRAINT processing_jobs_bits_known CHECK (CASE WHEN options ? 'bits' THEN
        CASE CASE options ->> 'package' WHEN 'stem.mp4' THEN 'aac' ELSE coalesce(options ->> 'format', 'wav') END
        WHEN 'wav' THEN options -> 'bits' IN ('16', '24', '32') WHEN 'flac' THEN options -> 'bits' IN ('16', '24') ELSE false END END),
    CONSTRAINT processing_jobs_stems_list CHECK (jsonb_typeof(options -> 'stems') = 'array' AND options -> 'stems' <> '[]'),
    CONSTRAINT processing_jobs_precision_known CHECK (options ->> 'precision' IN ('exact', 'fast', 'fastest')),
    CONSTRAINT processing_jobs_overlap_range CHECK (CASE WHEN options ? 'overlap' THEN
        CASE WHEN jsonb_typeof(options -> 'overlap') = 'number' THEN (options ->> 'overlap')::numeric BETWEEN 0 AND 0.9 ELSE false END END),
    CONSTRAINT processing_jobs_device_known CHECK (options ->> 'device' IN ('auto', 'cpu', 'cuda', 'mps')),
    CONSTRAINT processing_jobs_package_known CHECK (options ->> 'package' IN ('mix', 'zip', 'stem.mp4')),
    CONSTRAINT processing_jobs_gains_object CHECK (jsonb_typeof(options -> 'gains') = 'object' AND options -> 'gains' <> '{}'),
    CONSTRAINT processing_jobs_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT processing_jobs_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT processing_jobs_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 50);
-- A double click is one job: the same work can't wait or run twice at a time. By finished_at, which the named CHECK ties
-- to the status: a job that begins then changes no indexed column, so its new version needs no new index entries.
CREATE UNIQUE INDEX processing_jobs_one_active ON processing_jobs (track_id, operation, model, md5(options::text), preview)
    WHERE finished_at IS NULL;

CREATE TABLE analysis_jobs (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    task_name text NOT NULL DEFAULT 'analysis' REFERENCES job_kinds,
    operation analysis_operation NOT NULL DEFAULT 'analyze',
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
    CONSTRAINT analysis_jobs_progress_range CHECK (progress BETWEEN 0 AND 100),
    CONSTRAINT analysis_jobs_finished_at CHECK ((status IN ('completed', 'failed', 'cancelled')) = (finished_at IS NOT NULL)),
    CONSTRAINT analysis_jobs_failed_says_why CHECK (status <> 'failed' OR error IS NOT NULL)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX analysis_jobs_one_active ON analysis_jobs (track_id, operation)
    WHERE finished_at IS NULL;

CREATE INDEX download_jobs_track_idx ON download_jobs (track_id, inserted_at DESC);
CREATE INDEX processing_jobs_track_idx ON processing_jobs (track_id, inserted_at DESC);
CREATE INDEX analysis_jobs_track_idx ON analysis_jobs (track_id, inserted_at DESC);
CREATE INDEX download_jobs_page_idx ON download_jobs (user_id, inserted_at DESC, id DESC);
CREATE INDEX processing_jobs_page_idx ON processing_jobs (user_id, inserted_at DESC, id DESC);
CREATE INDEX analysis_jobs_page_idx ON analysis_jobs (user_id, inserted_at DESC, id DESC);

-- Identity is (track, job, type, label): a second model, a second engine, lead and backing vocals live side by
-- side, and a job that runs again replaces only its own.
CREATE TABLE stems (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    processing_job_id uuid NOT NULL REFERENCES processing_jobs ON DELETE CASCADE,
    stem_type text NOT NULL,
    label text NOT NULL DEFAULT '',
    audio_key text NOT NULL,
    format text NOT NULL,
    duration_ms integer NOT NULL,
    sample_rate integer NOT NULL,
    channels smallint NOT NULL,
    bytes bigint NOT NULL,
    sha256 text NOT NULL,
    rms_db real,
    peak_db real,
    peaks jsonb NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT stems_identity UNIQUE (track_id, processing_job_id, stem_type, label),
    CONSTRAINT stems_type_format CHECK (stem_type ~ '^[a-z][a-z0-9_]{0,31}$'),
    CONSTRAINT stems_audio_key_relative CHECK (audio_key ~ '^[A-Za-z0-9_-]' AND audio_key !~ '(^|/)\.\.?(/|$)'),
    CONSTRAINT stems_measures CHECK (duration_ms >= 0 AND sample_rate > 0 AND channels > 0 AND bytes > 0)
);

CREATE TABLE analysis_results (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    track_id uuid NOT NULL REFERENCES tracks ON DELETE CASCADE,
    analysis_job_id uuid REFERENCES analysis_jobs ON DELETE SET NULL,
    version integer NOT NULL,
    duration_ms integer NOT NULL,
    sample_rate integer NOT NULL,
    channels smallint NOT NULL,
    tempo real,
    tempo_confidence real NOT NULL,
    key text,
    key_confidence real NOT NULL,
    camelot text,
    energy real NOT NULL,
    rms_db real,
    peak_db real,
    spectral_centroid real,
    spectral_rolloff real,
    zero_crossing_rate real,
    features jsonb NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT analysis_results_one_a_version UNIQUE (track_id, version),
    CONSTRAINT analysis_results_tempo_range CHECK (tempo BETWEEN 20 AND 400),
    CONSTRAINT analysis_results_key_name CHECK (key ~ '^[A-G](#|b)? (major|minor)$'),
    CONSTRAINT analysis_results_camelot_name CHECK (camelot ~ '^([1-9]|1[0-2])[AB]$'),
    CONSTRAINT analysis_results_unit_ranges CHECK (
        energy BETWEEN 0 AND 1 AND tempo_confidence BETWEEN 0 AND 1 AND key_confidence BETWEEN 0 AND 1
        AND zero_crossing_rate BETWEEN 0 AND 1),
    CONSTRAINT analysis_results_hertz CHECK (spectral_centroid >= 0 AND spectral_rolloff >= 0)
);
