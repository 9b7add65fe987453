-- A sign-in link becomes a session, in one statement: of two browsers that open it at once, one gets in. Whoever opens
-- a link that was sent to an address has that address.
WITH used AS (
    UPDATE user_tokens t SET used_at = now()
    FROM users u
    WHERE t.token_hash = %(token_hash)s AND t.context = 'sign_in' AND t.used_at IS NULL AND t.expires_at > now()
      AND u.id = t.user_id AND u.status = 'active'
    RETURNING t.user_id
), confirmed AS (
    UPDATE users u SET confirmed_at = now() FROM used WHERE u.id = used.user_id AND u.confirmed_at IS NULL
)
INSERT INTO user_tokens (user_id, context, token_hash, expires_at, how, agent, address, seen_at)
SELECT user_id, 'session', %(session_hash)s, now() + interval '14 days', 'link', %(agent)s, %(address)s, now() FROM used
RETURNING user_id
