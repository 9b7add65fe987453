-- The workers of one machine: whether they live can be seen from there.
SELECT id, pid, pid_started FROM workers WHERE host_key = %(host_key)s
