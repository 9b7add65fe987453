-- One operation on many tracks of the user's.
INSERT INTO batch_jobs (user_id, operation, model, title, track_ids)
SELECT %(user_id)s, %(operation)s, %(model)s, %(title)s, array_agg(id ORDER BY title) FROM tracks WHERE id = ANY (%(ids)s) AND user_id = %(user_id)s
HAVING count(*) > 0 RETURNING id
