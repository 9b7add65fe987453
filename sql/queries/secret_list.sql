-- What secrets an owner has, not what they are.
SELECT name, inserted_at, updated_at, used_at FROM secrets
WHERE coalesce(user_id, 0) = coalesce(%(user_id)s::integer, 0) ORDER BY name
