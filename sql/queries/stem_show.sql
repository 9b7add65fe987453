-- Where a stem's audio is, and what to call it, for the track's owner.
SELECT s.audio_key, s.format, s.stem_type, j.model, t.title
FROM stems s JOIN tracks t ON t.id = s.track_id JOIN processing_jobs j ON j.id = s.processing_job_id
WHERE s.id = %(id)s AND t.user_id = %(user_id)s
