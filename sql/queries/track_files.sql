-- Tracks whose files nobody has looked for in the longest time.
SELECT t.id, t.audio_key FROM tracks t LEFT JOIN track_files f ON f.track_id = t.id AND f.audio_key = t.audio_key
WHERE t.audio_key IS NOT NULL AND (f.looked_at IS NULL OR f.looked_at < now() - interval '20 hours')
ORDER BY f.looked_at NULLS FIRST, t.id LIMIT %(size)s
