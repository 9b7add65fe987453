-- One operation on the named tracks, in that order. No row: not every one of them is the user's.
INSERT INTO batch_jobs (user_id, operation, model, title, options, preview, fallback, priority, after, needs, track_ids)
SELECT %(user_id)s, %(operation)s, %(model)s, %(title)s, %(options)s::jsonb, %(preview)s, %(fallback)s, %(priority)s, %(after)s::uuid, %(needs)s::jsonb, %(ids)s::uuid[]
WHERE (SELECT count(*) FROM tracks WHERE id = ANY (%(ids)s::uuid[]) AND user_id = %(user_id)s) = cardinality(%(ids)s::uuid[])
RETURNING id
