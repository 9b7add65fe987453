-- An API token; only its hash is kept. At most 50 a user.
INSERT INTO user_tokens (user_id, context, token_hash, name, scopes, expires_at)
SELECT %(user_id)s, 'api', %(token_hash)s, %(name)s, %(scopes)s, now() + %(days)s * interval '1 day'
WHERE (SELECT count(*) FROM user_tokens WHERE user_id = %(user_id)s AND context = 'api') < 50
RETURNING id, expires_at
