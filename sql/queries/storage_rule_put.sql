-- A rule, everybody's (user_id NULL) or a user's own; it takes the place of the one before.
INSERT INTO retention_rules (user_id, kind, keep, grace)
VALUES (%(user_id)s, %(kind)s, make_interval(secs => %(keep_days)s * 86400), make_interval(secs => %(grace_days)s * 86400))
ON CONFLICT (user_id, kind) DO UPDATE SET keep = excluded.keep, grace = excluded.grace, enabled = true
