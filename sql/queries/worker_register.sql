-- A worker process begins: Procrastinate's row for its tools, ours for what it does not know.
WITH registered AS (
    SELECT worker_id AS id FROM procrastinate_register_worker_v1()
)
INSERT INTO workers (id, name, host, host_key, pid, pid_started, queue_name, lease)
SELECT id, %(name)s, %(host)s, %(host_key)s, %(pid)s, %(pid_started)s, %(queue)s, make_interval(secs => %(lease)s) FROM registered
RETURNING id
