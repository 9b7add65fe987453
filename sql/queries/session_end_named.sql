-- A user ends one of his sessions from another.
DELETE FROM user_tokens WHERE id = %(id)s AND user_id = %(user_id)s AND context = 'session' RETURNING id
