-- A user's imports, newest first, by key.
SELECT * FROM sfa_imports m
WHERE m.user_id = %(user_id)s AND (%(moment)s::timestamptz IS NULL OR (m.inserted_at, m.id) < (%(moment)s, %(id)s::uuid))
ORDER BY m.inserted_at DESC, m.id DESC LIMIT %(size)s
