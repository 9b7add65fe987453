-- What runs next, the longest-waiting first, and what waits for its retry. Of very many, the oldest 100 are looked at.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.attempt, j.scheduled_at, j.inserted_at, j.started_at,
       j.track_id, coalesce(t.title, j.detail) AS title, t.artist, NULL::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM (
    (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'waiting' AND status <> 'running' ORDER BY inserted_at, id LIMIT 100)
    UNION ALL
    (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'retrying' ORDER BY inserted_at, id LIMIT 100)) j
LEFT JOIN tracks t ON t.id = j.track_id
ORDER BY j.scheduled_at NULLS FIRST, j.priority DESC, j.queue_job_id
LIMIT 6
