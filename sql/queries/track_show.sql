-- A track with the newest analysis, without the long series.
SELECT t.id, t.title, t.artist, t.album, t.source, t.audio_key, t.inserted_at,
       coalesce(t.duration_ms, a.duration_ms) AS duration_ms,
       a.id AS analysis_id, a.inserted_at AS analysed_at, a.sample_rate, a.channels,
       a.tempo, a.tempo_confidence, a.key, a.key_confidence, a.camelot, a.energy,
       a.rms_db, a.peak_db, a.spectral_centroid, a.spectral_rolloff
FROM tracks t
LEFT JOIN LATERAL (SELECT * FROM analysis_results WHERE track_id = t.id ORDER BY version DESC LIMIT 1) a ON true
WHERE t.id = %(id)s AND t.user_id = %(user_id)s
