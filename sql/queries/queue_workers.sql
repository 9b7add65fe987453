-- The workers of every queue, with how many jobs each holds.
SELECT w.queue_name, w.name, w.host, w.pid, w.started_at, w.seen_at, w.seen_at > now() - interval '30 seconds' AS alive,
       (SELECT count(*) FROM leases l WHERE l.worker_id = w.id) AS running
FROM workers w ORDER BY w.queue_name, w.host, w.name, w.pid
