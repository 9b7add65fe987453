-- The length as decoded replaces the length as told.
UPDATE tracks SET duration_ms = %(duration_ms)s, updated_at = now()
WHERE id = %(id)s AND duration_ms IS DISTINCT FROM %(duration_ms)s
