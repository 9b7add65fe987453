-- A processing job with its track's audio, as its worker needs it.
SELECT p.id, p.track_id, p.operation::text, p.model, p.engine::text, p.options, p.preview, p.queue_job_id, t.audio_key, t.duration_ms,
       t.title, t.artist, m.stems
FROM processing_jobs p JOIN tracks t ON t.id = p.track_id JOIN models m ON m.name = p.model WHERE p.id = %(id)s
