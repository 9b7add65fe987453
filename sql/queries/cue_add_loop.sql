-- A loop on a user's own track, from beat to beat where asked.
SELECT sfa_loop_add(id, %(position_ms)s, %(end_ms)s, %(label)s, %(colour)s, %(snap)s) AS id FROM tracks
WHERE id = %(track_id)s AND user_id = %(user_id)s
