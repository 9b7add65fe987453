-- A cue point of one's own goes; a loop's end with its beginning.
DELETE FROM cue_points c USING tracks t WHERE c.id = %(id)s AND t.id = c.track_id AND t.user_id = %(user_id)s
RETURNING c.track_id
