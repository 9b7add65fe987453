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

-- A track's names in order, whatever their case.
CREATE INDEX tracks_title_idx ON tracks (user_id, lower(title), id);
