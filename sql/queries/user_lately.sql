-- What a user did last.
SELECT at, action, target, address FROM audit_log WHERE user_id = %(user_id)s ORDER BY at DESC, id DESC LIMIT %(size)s
