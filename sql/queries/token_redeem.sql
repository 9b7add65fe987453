-- A sign-in link becomes a session, in one statement: of two browsers that open it at once, one gets in.
WITH used AS (
    UPDATE user_tokens t SET used_at = now()
    FROM users u
    WHERE t.token_hash = %(token_hash)s AND t.context = 'sign_in' AND t.used_at IS NULL AND t.expires_at > now()
      AND u.id = t.user_id AND u.status = 'active'
    RETURNING t.user_id
)
INSERT INTO user_tokens (user_id, context, token_hash, expires_at)
SELECT user_id, 'session', %(session_hash)s, now() + interval '14 days' FROM used
RETURNING user_id
