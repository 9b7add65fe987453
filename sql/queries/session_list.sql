-- A user's open sessions, the one last used first.
SELECT id, how, agent, address, seen_at, inserted_at, expires_at, id = %(current)s AS current
FROM user_tokens WHERE user_id = %(user_id)s AND context = 'session' AND expires_at > now()
ORDER BY id = %(current)s DESC, seen_at DESC NULLS LAST, inserted_at DESC LIMIT 200
