-- A user's own track's cover.
SELECT album_art_key FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s
