-- One INSERT is one job: the trigger enqueues it in the same transaction. Somebody else's track makes no row.
INSERT INTO processing_jobs (track_id, model, options)
SELECT id, %(model)s, %(options)s::jsonb FROM tracks WHERE id = %(track_id)s AND user_id = %(user_id)s
RETURNING id
