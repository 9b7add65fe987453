-- What a job has said, or says.
SELECT words, seen_at FROM job_logs WHERE job_id = %(queue_job_id)s
