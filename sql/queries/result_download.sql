-- The track has its audio, and what came with it; what is known already stays.
UPDATE tracks SET audio_key = %(audio_key)s, audio_bytes = %(audio_bytes)s, duration_ms = coalesce(%(duration_ms)s, duration_ms),
    album_art_key = coalesce(album_art_key, %(cover_key)s), artist = coalesce(artist, %(artist)s), album = coalesce(album, %(album)s),
    title = coalesce(%(title)s, title), updated_at = now()
WHERE id = %(id)s
