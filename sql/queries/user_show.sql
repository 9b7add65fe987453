-- One user, with all that he holds: his stems and exports, those that he shares with others too. "last": nobody else could
-- administer.
SELECT u.id, u.email, u.role, u.status, u.password_hash IS NOT NULL AS password, u.confirmed_at, u.inserted_at,
       greatest((SELECT max(seen_at) FROM user_tokens WHERE user_id = u.id),
                (SELECT at FROM audit_log WHERE user_id = u.id ORDER BY at DESC LIMIT 1)) AS seen_at,
       u.role = 'admin' AND u.status = 'active'
         AND NOT EXISTS (SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.status = 'active') AS last,
       (SELECT count(*) FROM tracks WHERE user_id = u.id) AS tracks,
       (SELECT coalesce(sum(s.bytes), 0)::bigint FROM tracks t JOIN stems s ON s.track_id = t.id WHERE t.user_id = u.id)
         + (SELECT coalesce(sum(e.bytes), 0)::bigint FROM tracks t JOIN exports e ON e.track_id = t.id WHERE t.user_id = u.id) AS bytes
FROM users u WHERE u.id = %(user_id)s
