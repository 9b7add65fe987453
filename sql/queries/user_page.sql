-- One page of the users, the newest first, by key; narrowed by a piece of the address, by role and by status. What they hold
-- is kept (sfa_user_storage), and asked for the shown ones only.
SELECT u.id, u.email, u.role, u.status, u.confirmed_at, u.inserted_at, t.sessions, t.tokens, greatest(t.seen_at, a.at) AS seen_at,
       h.tracks, h.audio_bytes, h.stem_bytes, h.export_bytes, h.audio_bytes + h.stem_bytes + h.export_bytes AS bytes
FROM (
    SELECT id, email, role, status, confirmed_at, inserted_at FROM users
    WHERE (%(before)s::integer IS NULL OR id < %(before)s::integer)
      AND (%(q)s = '' OR strpos(lower(email), lower(%(q)s)) > 0)
      AND (%(role)s::user_role IS NULL OR role = %(role)s::user_role)
      AND (%(status)s::user_status IS NULL OR status = %(status)s::user_status)
    ORDER BY id DESC LIMIT %(size)s) u
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE context = 'session' AND expires_at > now()) AS sessions,
           count(*) FILTER (WHERE context = 'api' AND coalesce(expires_at > now(), true)) AS tokens, max(seen_at) AS seen_at
    FROM user_tokens WHERE user_id = u.id) t
-- A session that has ended is gone; what its user did last is still written down.
LEFT JOIN LATERAL (SELECT at FROM audit_log WHERE user_id = u.id ORDER BY at DESC LIMIT 1) a ON true
JOIN LATERAL (SELECT tracks, audio_bytes, stem_bytes, export_bytes FROM sfa_user_storage WHERE user_id = u.id) h ON true
ORDER BY u.id DESC
