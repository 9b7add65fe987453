-- What cue points are made of: the newest analysis, as it is when they are written.
SELECT duration_ms, features FROM analysis_results WHERE track_id = %(track)s ORDER BY version DESC LIMIT 1
