-- What was uploaded.
INSERT INTO cloud_sources (source_id, account, user_id, track_id, audio_key, preview, seconds, expires_at)
VALUES (%(source)s, %(account)s, %(user_id)s, %(track)s, %(audio_key)s, %(preview)s, %(seconds)s, to_timestamp(%(expires)s))
ON CONFLICT DO NOTHING
