-- What the charts and the lanes draw: the features of the newest analysis, for the track's owner.
SELECT a.duration_ms, a.tempo, a.key, a.energy, a.rms_db, a.spectral_centroid, a.spectral_rolloff, a.zero_crossing_rate, a.features
FROM tracks t JOIN analysis_results a ON a.track_id = t.id
WHERE t.id = %(id)s AND t.user_id = %(user_id)s
ORDER BY a.version DESC LIMIT 1
