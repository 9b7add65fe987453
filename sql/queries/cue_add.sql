-- A cue point on a user's own track, on the nearest beat where asked. No row: there is no such track.
SELECT sfa_cue_add(id, %(position_ms)s, %(cue_type)s::cue_type, %(label)s, %(colour)s, %(snap)s) AS id FROM tracks
WHERE id = %(track_id)s AND user_id = %(user_id)s
