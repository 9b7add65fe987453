-- The stems of a track, a set a separation, newest separation first; without the peaks.
SELECT s.id, s.processing_job_id, j.model, j.engine, j.finished_at, s.stem_type, s.label, s.format, s.duration_ms,
       s.sample_rate, s.channels, s.bytes, left(s.sha256, 12) AS version, s.rms_db, s.peak_db, s.checks,
       j.result ->> 'residual_db' AS residual_db, j.result ->> 'runtime' AS runtime
FROM stems s JOIN processing_jobs j ON j.id = s.processing_job_id JOIN tracks t ON t.id = s.track_id
WHERE s.track_id = %(track_id)s AND t.user_id = %(user_id)s
ORDER BY j.inserted_at DESC, j.id,
         array_position('{vocals,drums,bass,guitar,piano,other}'::text[], s.stem_type) NULLS LAST, s.stem_type, s.label
