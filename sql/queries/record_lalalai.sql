-- A cloud job with its track's audio, and how far its work at lalal.ai is.
SELECT p.id, p.track_id, p.user_id, p.operation::text, p.model, p.engine::text, p.options, p.preview, p.queue_job_id, t.audio_key,
       t.duration_ms, t.title, t.artist, c.account, c.source_id, c.idempotency_key, c.asked_at, c.task_id, c.status AS task_status,
       c.answer, c.fetched, c.minutes
FROM processing_jobs p JOIN tracks t ON t.id = p.track_id LEFT JOIN cloud_tasks c ON c.processing_job_id = p.id WHERE p.id = %(id)s
