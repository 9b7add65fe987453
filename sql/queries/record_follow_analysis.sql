-- The job that follows a separation, unless the track is being analysed already.
INSERT INTO analysis_jobs (track_id) VALUES (%(track)s) ON CONFLICT DO NOTHING
