-- A track with the newest analysis, without the long series.
SELECT t.id, t.title, t.artist, t.album, t.source, t.audio_key, t.album_art_key IS NOT NULL AS has_cover, t.inserted_at,
       coalesce(t.duration_ms, a.duration_ms) AS duration_ms,
       a.analysis_id, a.analysed_at, a.sample_rate, a.channels,
       a.tempo, a.tempo_confidence, a.tempo_source, a.metre, a.key, a.key_confidence, a.key_source, a.camelot,
       a.grid_stamp, a.mix_tempo, a.drums_tempo, a.mix_key, a.stems_key, a.energy,
       a.rms_db, a.peak_db, a.spectral_centroid, a.spectral_rolloff
FROM tracks t
LEFT JOIN sfa_analyses a ON a.track_id = t.id
WHERE t.id = %(id)s AND t.user_id = %(user_id)s
