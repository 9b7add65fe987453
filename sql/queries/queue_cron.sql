-- Once an hour, whoever asks first: Procrastinate's unique (task, id, timestamp) is the leader.
SELECT procrastinate_defer_periodic_job_v2('default', NULL, 'housekeeping', 'housekeeping', 0, '',
    (floor(extract(epoch FROM now()) / 3600) * 3600)::bigint, '{}') AS job
WHERE NOT EXISTS (SELECT FROM procrastinate_jobs WHERE queueing_lock = 'housekeeping' AND status = 'todo')
