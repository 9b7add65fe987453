-- Lists narrowed by what is rare (a model, a kind, a reason of failure), and uploads that go on where they broke off.

-- What sfa_jobs shows as detail: the model, or what an export is.
CREATE INDEX processing_jobs_detail_idx ON processing_jobs (
    user_id, (CASE operation WHEN 'export' THEN coalesce(options ->> 'package', 'mix') ELSE model END), inserted_at DESC, id DESC);
-- Most rows of this table are separations: the other kinds have an index of their own.
CREATE INDEX processing_jobs_kind_idx ON processing_jobs (user_id, task_name, inserted_at DESC, id DESC) WHERE task_name <> 'processing';
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        EXECUTE format('CREATE INDEX %I ON %I (user_id, error_kind, inserted_at DESC, id DESC) WHERE error_kind IS NOT NULL', t || '_reason_idx', t);
    END LOOP;
END $$;

-- A file on its way: its bytes lie with the dashboard (var/uploads), as many as that file is long; this is the rest.
-- track_id: what it became once it was whole.
CREATE TABLE uploads (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    bytes bigint NOT NULL,
    model text NOT NULL DEFAULT '',
    track_id uuid REFERENCES tracks ON DELETE CASCADE,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT uploads_bytes CHECK (bytes > 0),
    CONSTRAINT uploads_name_length CHECK (length(name) BETWEEN 1 AND 500)
);
CREATE INDEX uploads_user_idx ON uploads (user_id);
CREATE INDEX uploads_seen_idx ON uploads (seen_at);
CREATE INDEX uploads_track_idx ON uploads (track_id) WHERE track_id IS NOT NULL;

-- A list of tracks in each order that it can have, a page by key. What is unknown comes last whichever way round, so a
-- figure has an index for each direction; both are written as track_list_sorted writes them.
CREATE INDEX tracks_title_idx ON tracks (user_id, lower(title), id);
CREATE INDEX tracks_artist_idx ON tracks (user_id, coalesce(lower(artist), ''), id);
CREATE INDEX tracks_tempo_idx ON tracks (user_id, coalesce(heard_tempo::float8, 1e300), id);
CREATE INDEX tracks_tempo_down_idx ON tracks (user_id, coalesce(heard_tempo::float8, -1e300), id);
CREATE INDEX tracks_length_idx ON tracks (user_id, coalesce(duration_ms::float8, 1e300), id);
CREATE INDEX tracks_length_down_idx ON tracks (user_id, coalesce(duration_ms::float8, -1e300), id);
-- Round the Camelot wheel: 1A, 1B, 2A.
CREATE FUNCTION sfa_camelot_place(_camelot text) RETURNS float8 LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * left(_camelot, -1)::float8 + (right(_camelot, 1) = 'B')::integer
$$;
CREATE INDEX tracks_key_idx ON tracks (user_id, coalesce(sfa_camelot_place(heard_camelot), 1e300), id);
CREATE INDEX tracks_key_down_idx ON tracks (user_id, coalesce(sfa_camelot_place(heard_camelot), -1e300), id);

-- What a list says of a track's jobs: what runs, else what waits, else how the latest of the five that were asked for last
-- ended. By indexes, however many jobs it had.
CREATE FUNCTION sfa_track_job(_track uuid) RETURNS TABLE (kind text, detail text, status job_status, progress real, stage text, error text, scheduled_at timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.scheduled_at
    FROM ((SELECT * FROM sfa_jobs a WHERE a.track_id = _track AND a.finished_at IS NULL)
          UNION ALL
          (SELECT * FROM sfa_jobs e WHERE e.track_id = _track AND e.finished_at IS NOT NULL ORDER BY e.inserted_at DESC LIMIT 5)) j
    ORDER BY CASE j.status WHEN 'running' THEN 0 WHEN 'retrying' THEN 1 WHEN 'waiting' THEN 2 ELSE 3 END, j.finished_at DESC NULLS LAST LIMIT 1
$$;

-- Which tracks have a job that failed; those with one at work are in the indexes *_one_active.
DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        EXECUTE format($q$CREATE INDEX %I ON %I (user_id, track_id) WHERE listed_as = 'failed'$q$, t || '_failed_idx', t);
    END LOOP;
END $$;
