-- Whether a track is the user's.
SELECT id FROM tracks WHERE id = %(track_id)s AND user_id = %(user_id)s
