-- A sign-in link becomes a session, in one statement: of two browsers that open it at once, one gets in. Whoever opens
-- a link that was sent to an address has that address. The user is held first, so that a suspension comes before it or
-- after it, and ends the session; not shared, because two that then want to confirm him would wait for each other.
WITH who AS MATERIALIZED (
    SELECT u.id FROM users u JOIN user_tokens t ON t.user_id = u.id
    WHERE t.token_hash = %(token_hash)s AND t.context = 'sign_in' AND t.used_at IS NULL AND t.expires_at > now()
      AND u.status = 'active'
    FOR NO KEY UPDATE OF u
), used AS (
    UPDATE user_tokens t SET used_at = now()
    FROM who
    WHERE t.token_hash = %(token_hash)s AND t.context = 'sign_in' AND t.used_at IS NULL AND t.user_id = who.id
    RETURNING t.user_id
), confirmed AS (
    UPDATE users u SET confirmed_at = now() FROM used WHERE u.id = used.user_id AND u.confirmed_at IS NULL
)
INSERT INTO user_tokens (user_id, context, token_hash, expires_at, how, agent, address, seen_at)
SELECT user_id, 'session', %(session_hash)s, now() + interval '14 days', 'link', %(agent)s, %(address)s, now() FROM used
RETURNING user_id
