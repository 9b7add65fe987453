-- The tree of processes for the page, from the first row to the last; a job that is the user's own can be opened.
SELECT t.path, t.depth, t.kind, t.host, t.name, t.state, t.pid, t.rss, t.restarts, t.max_restarts, t.window_seconds, t.calls,
       t.queue_job_id, t.job_kind, t.since, j.id AS job_id, j.title,
       extract(epoch FROM t.lease_age)::float8 AS lease_age, extract(epoch FROM t.lease_left)::float8 AS lease_left,
       extract(epoch FROM t.next_start_at - now())::float8 AS starts_in
FROM sfa_tree t
LEFT JOIN LATERAL (
    SELECT j.id, k.title FROM sfa_jobs j LEFT JOIN tracks k ON k.id = j.track_id
    WHERE j.queue_job_id = t.queue_job_id AND j.user_id = %(user_id)s) j ON true
ORDER BY t.path
