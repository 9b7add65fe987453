-- Announces a file. No row: the user has as many on their way as anybody may.
INSERT INTO uploads (user_id, name, bytes, model)
SELECT %(user_id)s, %(name)s, %(bytes)s, %(model)s
WHERE (SELECT count(*) FROM uploads WHERE user_id = %(user_id)s AND track_id IS NULL) < %(most)s
RETURNING id
