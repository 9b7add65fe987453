-- An export of one of the user's own separations; the trigger fills in the rest. Somebody else's makes no row.
INSERT INTO processing_jobs (track_id, operation, options)
SELECT t.id, 'export', jsonb_build_object('of', %(separation)s::text) || %(options)s::jsonb
FROM tracks t WHERE t.id = %(track_id)s AND t.user_id = %(user_id)s
RETURNING id
