-- One page of a user's imports, newest first, by key.
SELECT * FROM sfa_imports
WHERE user_id = %(user_id)s
  AND (%(before_at)s::timestamptz IS NULL OR (inserted_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY inserted_at DESC, id DESC LIMIT %(size)s
