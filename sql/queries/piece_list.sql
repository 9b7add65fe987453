-- What of a track's stems can be played although they still grow: of the separation asked for, else of the newest that
-- runs; pieces in order.
WITH chosen AS (
    SELECT p.id, p.model, p.status, p.progress, p.stage, t.duration_ms
    FROM processing_jobs p JOIN tracks t ON t.id = p.track_id
    WHERE p.track_id = %(track_id)s AND t.user_id = %(user_id)s AND p.finished_at IS NULL
      AND (%(job_id)s::uuid IS NULL OR p.id = %(job_id)s)
      AND EXISTS (SELECT FROM stem_pieces s WHERE s.processing_job_id = p.id)
    ORDER BY p.inserted_at DESC, p.id LIMIT 1
)
SELECT c.*, s.stem_type, s.number, s.first_frame, s.frames, s.sample_rate
FROM chosen c JOIN stem_pieces s ON s.processing_job_id = c.id
ORDER BY array_position('{vocals,drums,bass,guitar,piano,other}'::text[], s.stem_type) NULLS LAST, s.stem_type, s.number
