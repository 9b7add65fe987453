-- A session for somebody who knew the password. He is held: who is suspended at this moment has none left over.
INSERT INTO user_tokens (user_id, context, token_hash, expires_at, how, agent, address, seen_at)
SELECT id, 'session', %(session_hash)s, now() + interval '14 days', 'password', %(agent)s, %(address)s, now()
FROM users WHERE id = %(user_id)s AND status = 'active' AND confirmed_at IS NOT NULL FOR SHARE
RETURNING user_id
