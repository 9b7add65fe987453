-- Views for people: every job in one shape, and every attempt with its certificate; and all
-- functions made independent of the caller's search_path (a restored dump sets it empty).

CREATE VIEW sfa_jobs AS
    SELECT 'download' AS kind, id, queue_job_id, track_id, user_id, address AS detail, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM download_jobs
    UNION ALL
    SELECT task_name, id, queue_job_id, track_id, user_id,
           CASE operation WHEN 'export' THEN coalesce(options ->> 'package', 'mix') ELSE model END, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM processing_jobs
    UNION ALL
    SELECT 'analysis', id, queue_job_id, track_id, user_id, operation::text, status, progress, stage, error,
           error_kind, attempt, priority, scheduled_at, inserted_at, started_at, finished_at, listed_as FROM analysis_jobs;

-- What runs (it has a lease and no verdict yet), and every attempt that has ended.
CREATE VIEW sfa_attempts AS
    SELECT a.id, a.job_id AS queue_job_id, j.task_name AS kind, j.args ->> 'job_id' AS job,
           row_number() OVER (PARTITION BY a.job_id ORDER BY a.id) AS number,
           a.worker, a.started_at, a.ended_at, a.verdict, a.error, a.error_kind, a.certificate,
           NULL::timestamptz AS lease_until
    FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
    UNION ALL
    SELECT NULL, l.job_id, j.task_name, j.args ->> 'job_id',
           1 + (SELECT count(*) FROM attempts a WHERE a.job_id = l.job_id),
           l.worker, l.acquired_at, NULL, NULL, NULL, NULL, NULL, l.expires_at
    FROM leases l JOIN procrastinate_jobs j ON j.id = l.job_id;

-- Hot statements have one good plan, whatever the statistics say at the time: by the indexes made for them.
ALTER FUNCTION sfa_claim_v1 SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION sfa_claim_v1 SET enable_seqscan = off;
ALTER FUNCTION sfa_claim_v1 SET enable_bitmapscan = off;
ALTER FUNCTION sfa_claim_v1 SET enable_sort = off;
ALTER FUNCTION sfa_ack_v1 SET plan_cache_mode = force_generic_plan;
ALTER FUNCTION sfa_ack_v1 SET enable_seqscan = off;

DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT p.oid::regprocedure FROM pg_proc p
             WHERE p.pronamespace = current_schema()::regnamespace AND p.proname LIKE 'sfa\_%' AND p.proname NOT IN ('sfa_job_status', 'sfa_keys') LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path FROM CURRENT', f);
    END LOOP;
END $$;
