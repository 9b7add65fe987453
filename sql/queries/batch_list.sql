-- One page of a user's batches, newest first, by key.
SELECT id, title, operation, model, options, import_id, after, needs, status, progress, total, completed, failed, cancelled, active, inserted_at, finished_at
FROM sfa_batches
WHERE user_id = %(user_id)s
  AND (%(before_at)s::timestamptz IS NULL OR (inserted_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY inserted_at DESC, id DESC LIMIT %(size)s
