-- The tree of processes, ready to be printed from the first row to the last.
SELECT path, depth, kind, host, name, state, pid, rss, restarts, max_restarts, window_seconds, calls, queue_job_id, job_kind,
       extract(epoch FROM lease_age)::float AS lease_age, extract(epoch FROM lease_left)::float AS lease_left,
       since, extract(epoch FROM now() - since)::float AS age,
       extract(epoch FROM next_start_at - now())::float AS starts_in, ended
FROM sfa_tree ORDER BY path
