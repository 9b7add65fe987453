-- A user's API tokens, newest first.
SELECT id, name, scopes, address, seen_at, inserted_at, expires_at, expires_at < now() AS ended
FROM user_tokens WHERE user_id = %(user_id)s AND context = 'api' ORDER BY inserted_at DESC, id
