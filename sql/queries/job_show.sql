-- One job with everything that its row says.
SELECT j.*, coalesce(t.title, j.detail) AS title, t.artist, t.audio_key IS NOT NULL AS has_audio, q.args, q.attempts AS attempts_used, q.queue_name,
       k.max_attempts, k.max_crashes, q.abort_requested, coalesce(p.options, '{}') AS options, p.preview, p.result,
       extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM sfa_jobs j
LEFT JOIN tracks t ON t.id = j.track_id
LEFT JOIN procrastinate_jobs q ON q.id = j.queue_job_id
LEFT JOIN job_kinds k ON k.task_name = q.task_name
LEFT JOIN processing_jobs p ON p.id = j.id
WHERE j.id = %(id)s AND j.user_id = %(user_id)s
