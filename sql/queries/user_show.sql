-- One user, with all that he holds (what he shares with others, too). "last": nobody else could administer.
SELECT u.id, u.email, u.role, u.status, u.password_hash IS NOT NULL AS password, u.confirmed_at, u.inserted_at,
       greatest((SELECT max(seen_at) FROM user_tokens WHERE user_id = u.id),
                (SELECT at FROM audit_log WHERE user_id = u.id ORDER BY at DESC LIMIT 1)) AS seen_at,
       u.role = 'admin' AND u.status = 'active'
         AND NOT EXISTS (SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.status = 'active') AS last,
       h.tracks, h.audio_bytes, h.stem_bytes, h.export_bytes, h.audio_bytes + h.stem_bytes + h.export_bytes AS bytes
FROM users u JOIN sfa_user_storage h ON h.user_id = u.id WHERE u.id = %(user_id)s
