-- The job that follows a download, unless it is under way already.
INSERT INTO processing_jobs (track_id, model) VALUES (%(track)s, %(model)s) ON CONFLICT DO NOTHING
