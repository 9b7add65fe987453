-- A user's own tracks among these ids: what a change of many is about to touch.
SELECT id, title, artist, audio_key IS NOT NULL AS has_audio FROM tracks
WHERE id = ANY (%(ids)s::uuid[]) AND user_id = %(user_id)s ORDER BY inserted_at DESC, id DESC
