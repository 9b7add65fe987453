-- What happened to one job, by the queue's own log; the newest 200 events, oldest first.
SELECT type, at FROM (
    SELECT id, type, at FROM procrastinate_events WHERE job_id = %(queue_job_id)s ORDER BY id DESC LIMIT 200) newest
ORDER BY id
