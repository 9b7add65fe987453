-- The kinds of job that work on a track, and what their args may say.
SELECT task_name AS kind, array_remove(arguments, 'user_id') AS arguments FROM job_kinds WHERE arguments @> '{track_id}' ORDER BY task_name
