-- The upload became a track.
UPDATE uploads SET track_id = %(track_id)s WHERE id = %(id)s
