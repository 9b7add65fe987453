-- An analysis, unless one is under way.
INSERT INTO analysis_jobs (track_id) VALUES (%(track)s) ON CONFLICT DO NOTHING
