-- A user's own upload; asking keeps it alive.
UPDATE uploads SET seen_at = now() WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id, name, bytes, model, track_id
