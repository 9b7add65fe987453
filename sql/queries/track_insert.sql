-- An uploaded track; its audio is in the store already.
INSERT INTO tracks (user_id, title, artist, source, audio_key, audio_bytes)
VALUES (%(user_id)s, %(title)s, %(artist)s, 'upload', %(audio_key)s, %(audio_bytes)s)
RETURNING id, title
