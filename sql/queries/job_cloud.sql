-- A cloud job. Somebody else's track makes no row.
INSERT INTO processing_jobs (track_id, model, operation, options, preview, fallback)
SELECT id, 'lalalai', %(operation)s::processing_operation, %(options)s::jsonb, %(preview)s, %(fallback)s
FROM tracks WHERE id = %(track_id)s AND user_id = %(user_id)s
RETURNING id
