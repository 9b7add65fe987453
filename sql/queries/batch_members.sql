-- A batch's members, what failed first.
SELECT position, track_id, title, job_id, job_status, status, progress, stage, error, scheduled_at FROM sfa_batch_members WHERE batch_id = %(id)s
ORDER BY status NOT IN ('failed', 'refused'), position
