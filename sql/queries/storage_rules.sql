-- Each kind with everybody's rule, the user's own, and how many of his rows a run has noted to go.
SELECT k.kind, a.keep_days, a.grace_days, a.enabled, o.keep_days AS own_keep_days, o.grace_days AS own_grace_days,
       CASE WHEN %(all)s THEN (SELECT count(*) FROM expirations e WHERE e.kind = k.kind AND NOT e.kept) END AS noted
FROM unnest(%(kinds)s::text[]) WITH ORDINALITY k (kind, place)
LEFT JOIN LATERAL (SELECT extract(epoch FROM keep) / 86400 AS keep_days, extract(epoch FROM grace) / 86400 AS grace_days, enabled
                   FROM retention_rules WHERE kind = k.kind AND user_id IS NULL) a ON true
LEFT JOIN LATERAL (SELECT extract(epoch FROM keep) / 86400 AS keep_days, extract(epoch FROM grace) / 86400 AS grace_days
                   FROM retention_rules WHERE kind = k.kind AND user_id = %(user_id)s) o ON true
ORDER BY k.place
