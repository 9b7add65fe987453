-- A one-time sign-in link; only the token's hash is kept. No row: a suspended user gets none. He is held, so that who is
-- suspended at this moment keeps none either (user_end_all comes after the lock).
INSERT INTO user_tokens (user_id, context, token_hash, expires_at)
SELECT id, 'sign_in', %(token_hash)s, now() + %(minutes)s * interval '1 minute'
FROM users WHERE id = %(user_id)s AND status = 'active' FOR SHARE
RETURNING expires_at
