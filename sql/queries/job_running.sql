-- What runs now, by the queue rows; a job keeps its place for as long as it runs.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.attempt, j.scheduled_at, j.inserted_at, j.started_at,
       j.track_id, coalesce(t.title, j.detail) AS title, t.artist,
       extract(epoch FROM clock_timestamp() - j.started_at)::float8 AS elapsed, NULL::float8 AS starts_in
FROM (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND status = 'running'
        AND queue_job_id = ANY (ARRAY(SELECT id FROM procrastinate_jobs WHERE status = 'doing')) ORDER BY inserted_at DESC, id DESC LIMIT 50) j
LEFT JOIN tracks t ON t.id = j.track_id
ORDER BY j.started_at, j.id
