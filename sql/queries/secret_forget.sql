-- The secret is gone.
DELETE FROM secrets WHERE coalesce(user_id, 0) = coalesce(%(user_id)s::integer, 0) AND name = %(name)s
