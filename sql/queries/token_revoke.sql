-- The token opens nothing any more.
DELETE FROM user_tokens WHERE id = %(id)s AND user_id = %(user_id)s AND context = 'api' RETURNING name
