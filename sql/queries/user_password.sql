-- What a user's password has to match, and whether a link has let this session in within the last quarter of an hour.
SELECT u.email, u.password_hash, coalesce(t.how = 'link' AND t.inserted_at > now() - interval '15 minutes', false) AS by_link
FROM users u LEFT JOIN user_tokens t ON t.id = %(session)s AND t.user_id = u.id AND t.context = 'session'
WHERE u.id = %(user_id)s
