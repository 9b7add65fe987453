-- The other workers that ran on this very host: whether they live can be seen from here.
SELECT id, pid, pid_started FROM workers WHERE host_key = %(host_key)s AND id <> %(worker)s
