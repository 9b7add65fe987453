-- Which of these attempts were completed: what a commit whose answer got lost has done.
SELECT a.token FROM attempts a JOIN unnest(%(jobs)s::bigint[], %(tokens)s::uuid[]) AS asked (job_id, token) USING (job_id, token)
WHERE a.verdict = 'completed'
