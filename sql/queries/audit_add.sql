-- Something that somebody did.
INSERT INTO audit_log (user_id, actor, action, target, address, detail)
VALUES (%(user_id)s, coalesce((SELECT email FROM users WHERE id = %(user_id)s), %(actor)s), %(action)s, %(target)s, %(address)s, %(detail)s::jsonb)
