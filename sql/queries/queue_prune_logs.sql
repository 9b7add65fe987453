-- What jobs said a week ago, a limited batch.
DELETE FROM job_logs WHERE job_id IN (SELECT job_id FROM job_logs WHERE seen_at < now() - interval '7 days' LIMIT 1000)
