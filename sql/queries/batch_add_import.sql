-- One operation on what was downloaded of an import. No row: it is not the user's.
INSERT INTO batch_jobs (user_id, operation, model, title, options, preview, fallback, priority, after, needs, import_id)
SELECT user_id, %(operation)s, %(model)s, %(title)s, %(options)s::jsonb, %(preview)s, %(fallback)s, %(priority)s, %(after)s::uuid, %(needs)s::jsonb, id
FROM imports WHERE id = %(id)s AND user_id = %(user_id)s
RETURNING id
