-- A secret as it lies there; when it was last used is noted to the minute.
WITH found AS (
    SELECT id, key_id, sealed, used_at FROM secrets WHERE coalesce(user_id, 0) = coalesce(%(user_id)s::integer, 0) AND name = %(name)s
), noted AS (
    UPDATE secrets s SET used_at = now() FROM found f
    WHERE s.id = f.id AND (f.used_at IS NULL OR f.used_at < now() - interval '1 minute')
)
SELECT key_id, sealed FROM found
