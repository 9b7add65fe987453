-- What was made of a track's separations, newest first.
SELECT e.id, e.processing_job_id, e.separation_id, e.package, e.file_name, e.bytes, e.inserted_at, o.model
FROM exports e JOIN tracks t ON t.id = e.track_id JOIN processing_jobs o ON o.id = e.separation_id
WHERE e.track_id = %(track_id)s AND t.user_id = %(user_id)s
ORDER BY e.inserted_at DESC, e.id LIMIT 20
