-- What came of a job for covers.
UPDATE cover_jobs SET result = %(result)s::jsonb WHERE id = %(id)s
