-- The covers of a user's own import. No row: it is not theirs, or a job for them is under way.
INSERT INTO cover_jobs (import_id) SELECT id FROM imports WHERE id = %(id)s AND user_id = %(user_id)s
ON CONFLICT (import_id) WHERE finished_at IS NULL AND import_id IS NOT NULL DO NOTHING RETURNING id
