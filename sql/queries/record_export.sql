-- An export with what it is made of: the stems of its separation, in one order.
SELECT p.id, p.track_id, p.options, p.queue_job_id, t.duration_ms, t.title, t.artist, o.id AS separation_id,
       coalesce((SELECT jsonb_agg(jsonb_build_object(
           'name', s.stem_type || CASE s.label WHEN '' THEN '' ELSE ':' || s.label END,
           'key', s.audio_key, 'format', s.format) ORDER BY s.stem_type, s.label)
           FROM stems s WHERE s.processing_job_id = o.id), '[]') AS stems
FROM processing_jobs p JOIN tracks t ON t.id = p.track_id
LEFT JOIN processing_jobs o ON o.id::text = p.options ->> 'of'
WHERE p.id = %(id)s
