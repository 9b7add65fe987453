-- Bring a file back from quarantine.
INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock, args)
SELECT 'default', 'quarantine_restore', 'quarantine_restore:' || key, jsonb_build_object('key', key) FROM quarantine WHERE key = %(key)s
ON CONFLICT (queueing_lock) WHERE status = 'todo' AND queueing_lock IS NOT NULL DO NOTHING RETURNING id
