-- One job in the shape of the list, with the queue it stands in, its budgets, what it needs and still waits for; of an import too.
SELECT j.*, q.queue_name, sfa_needs(j.queue_job_id, q.task_name) AS needs,
       ARRAY(SELECT b.id::text FROM job_links l JOIN sfa_jobs b ON b.queue_job_id = l.after_id
             WHERE l.job_id = j.queue_job_id AND b.user_id = j.user_id ORDER BY l.after_id) AS waits_for,
       k.max_attempts, k.max_crashes, coalesce(p.options, '{}') AS options, coalesce(p.result, c.result) AS result
FROM sfa_jobs j
LEFT JOIN procrastinate_jobs q ON q.id = j.queue_job_id
LEFT JOIN job_kinds k ON k.task_name = q.task_name
LEFT JOIN processing_jobs p ON p.id = j.id
LEFT JOIN cover_jobs c ON c.id = j.id
WHERE j.id = %(id)s AND j.user_id = %(user_id)s
