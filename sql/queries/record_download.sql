-- A download job with its track and what an import knows of it, as its worker needs them.
SELECT d.id, d.track_id, d.user_id, d.address, d.audio_address, d.then_model, t.title, t.artist, t.album, t.spotify_id, t.audio_key,
       t.album_art_key, t.duration_ms AS told_ms, coalesce(known.facts, '{}'::jsonb) AS facts,
       sfa_spotify_address(d.address) AS spotify
FROM download_jobs d JOIN tracks t ON t.id = d.track_id
LEFT JOIN LATERAL (SELECT i.facts FROM import_items i WHERE i.track_id = t.id ORDER BY i.import_id DESC LIMIT 1) known ON true
WHERE d.id = %(id)s
