-- An analysis job with its track's audio, as its worker needs it.
SELECT a.id, a.track_id, a.operation::text, t.audio_key, t.duration_ms, t.title
FROM analysis_jobs a JOIN tracks t ON t.id = a.track_id WHERE a.id = %(id)s
