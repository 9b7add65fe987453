-- A track's jobs, newest first.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.error_kind, j.attempt,
       j.scheduled_at, j.inserted_at, j.started_at, j.finished_at, j.track_id,
       extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM sfa_jobs j
WHERE j.track_id = %(track_id)s AND j.user_id = %(user_id)s
ORDER BY j.inserted_at DESC, j.id
LIMIT 20
