-- Have a user's own voices read from his account, once: a job that waits already does it.
INSERT INTO procrastinate_jobs (queue_name, task_name, args, queueing_lock)
SELECT queue_name, task_name, jsonb_build_object('user_id', %(user_id)s::integer), 'lalalai_voices:' || %(user_id)s::integer
FROM (VALUES ('cloud', 'lalalai_voices')) t (queue_name, task_name)
WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = 'lalalai_voices:' || %(user_id)s::integer AND status = 'todo')
