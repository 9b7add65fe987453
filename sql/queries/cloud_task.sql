-- How far a job's work at lalal.ai is.
SELECT idempotency_key, source_id, task_id, status, fetched FROM cloud_tasks WHERE processing_job_id = %(id)s
