-- A user's batches, newest first.
SELECT id, title, operation, model, status, progress, total, completed, failed, cancelled, active, inserted_at
FROM sfa_batches WHERE user_id = %(user_id)s ORDER BY inserted_at DESC, id DESC LIMIT %(size)s
