-- What runs, and what runs next; a running job keeps its place for as long as it runs.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.attempt, j.scheduled_at, j.inserted_at, j.started_at,
       j.track_id, t.title, t.artist,
       extract(epoch FROM clock_timestamp() - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in,
       count(*) OVER (PARTITION BY j.status = 'running') AS together
FROM sfa_jobs j JOIN tracks t ON t.id = j.track_id
WHERE j.user_id = %(user_id)s AND j.status IN ('waiting', 'running', 'retrying')
ORDER BY j.status = 'running' DESC, CASE WHEN j.status = 'running' THEN j.started_at END,
         j.scheduled_at NULLS FIRST, j.priority DESC, j.queue_job_id
LIMIT 50
