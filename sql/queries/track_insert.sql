-- An uploaded track; its audio is in the store already.
INSERT INTO tracks (user_id, title, artist, source, audio_key)
VALUES (%(user_id)s, %(title)s, %(artist)s, 'upload', %(audio_key)s)
RETURNING id, title
