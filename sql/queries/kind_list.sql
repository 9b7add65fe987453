-- The kinds of job that there are, the usual ones first.
SELECT task_name AS name FROM job_kinds ORDER BY array_position('{processing,analysis,download,import,export}'::text[], task_name) NULLS LAST, task_name
