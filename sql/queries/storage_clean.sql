-- Clean up now, or only look; nothing, where a run waits already.
INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
VALUES ('default', 'cleanup', 'cleanup', 'cleanup', jsonb_build_object('dry_run', %(dry_run)s::boolean))
ON CONFLICT (queueing_lock) WHERE status = 'todo' AND queueing_lock IS NOT NULL DO NOTHING RETURNING id
