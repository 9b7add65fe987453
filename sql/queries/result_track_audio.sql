-- The track has its audio.
UPDATE tracks SET audio_key = %(audio_key)s, updated_at = now() WHERE id = %(id)s
