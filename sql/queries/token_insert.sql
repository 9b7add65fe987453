-- A one-time sign-in link; only the token's hash is kept. False user: no row, because a suspended user gets none.
INSERT INTO user_tokens (user_id, context, token_hash, expires_at)
SELECT id, 'sign_in', %(token_hash)s, now() + interval '15 minutes' FROM users WHERE id = %(user_id)s AND status = 'active'
RETURNING expires_at
