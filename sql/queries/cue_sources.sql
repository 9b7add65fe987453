-- What cue points are made of: the newest analysis with the grid that counts, as they are when the cues are written.
SELECT duration_ms, features FROM sfa_analyses WHERE track_id = %(track)s
