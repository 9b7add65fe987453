-- How an attempt was ended, if it was: what a commit whose answer got lost has done.
SELECT verdict::text FROM attempts WHERE job_id = %(job)s AND token = %(token)s AND ended_at IS NOT NULL
