-- An API token; only its hash is kept. At most 50 a user. He is held: who is suspended at this moment has none left over.
INSERT INTO user_tokens (user_id, context, token_hash, name, scopes, expires_at)
SELECT id, 'api', %(token_hash)s, %(name)s, %(scopes)s, now() + %(days)s * interval '1 day'
FROM users WHERE id = %(user_id)s AND status = 'active'
  AND (SELECT count(*) FROM user_tokens WHERE user_id = %(user_id)s AND context = 'api') < 50 FOR SHARE
RETURNING id, expires_at
