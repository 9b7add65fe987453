-- Whether some of a track's stems can be played although they still grow: how far they are, in milliseconds.
SELECT p.id, p.model, p.progress, t.duration_ms, max(1000 * (s.first_frame + s.frames) / s.sample_rate)::bigint AS ready_ms
FROM processing_jobs p JOIN tracks t ON t.id = p.track_id JOIN stem_pieces s ON s.processing_job_id = p.id
WHERE p.track_id = %(track_id)s AND t.user_id = %(user_id)s AND p.finished_at IS NULL
GROUP BY p.id, t.id ORDER BY p.inserted_at DESC LIMIT 1
