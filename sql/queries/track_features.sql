-- What the charts and the lanes draw: the newest analysis's features with the grid that counts, for the track's owner.
SELECT duration_ms, tempo, key, energy, rms_db, spectral_centroid, spectral_rolloff, zero_crossing_rate, features
FROM sfa_analyses WHERE track_id = %(id)s AND user_id = %(user_id)s
