-- Who a session cookie belongs to. A suspended user is out at once.
SELECT t.id, t.user_id, u.email, u.role, '{}'::text[] AS scopes, t.how, t.inserted_at,
       t.seen_at IS NULL OR t.seen_at < now() - interval '1 minute' AS stale,
       (SELECT count(*) FROM (SELECT FROM notifications n WHERE n.user_id = u.id AND n.read_at IS NULL LIMIT 100) few) AS unread
FROM user_tokens t JOIN users u ON u.id = t.user_id
WHERE t.token_hash = %(token_hash)s AND t.context = 'session' AND t.expires_at > now() AND u.status = 'active'
