-- The run that waits or goes on now.
(SELECT id, status::text FROM procrastinate_jobs WHERE task_name = 'cleanup' AND status = 'doing' AND worker_id IS NOT NULL LIMIT 1)
UNION ALL
(SELECT id, status::text FROM procrastinate_jobs WHERE queueing_lock = 'cleanup' AND status = 'todo' LIMIT 1)
LIMIT 1
