-- Every user, with what an administrator wants to know, the oldest first; so many after a key.
SELECT u.id, u.email, u.role, u.status, u.password_hash IS NOT NULL AS password, u.confirmed_at, u.inserted_at,
       (SELECT count(*) FROM user_tokens t WHERE t.user_id = u.id AND t.context = 'session' AND t.expires_at > now()) AS sessions,
       (SELECT count(*) FROM user_tokens t WHERE t.user_id = u.id AND t.context = 'api') AS tokens,
       (SELECT max(t.seen_at) FROM user_tokens t WHERE t.user_id = u.id) AS seen_at
FROM users u WHERE u.id > %(after)s ORDER BY u.id LIMIT %(size)s
