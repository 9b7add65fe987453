-- A user's jobs that begin later, the next one first: retries and what was put off. Of very many, the thousand that are due next
-- in the whole installation are looked at: they are found by an index, and no other row is read.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.error, j.scheduled_at, j.track_id, coalesce(t.title, j.detail) AS title,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND queue_job_id = ANY (ARRAY(
          SELECT id FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at > now() ORDER BY scheduled_at LIMIT 1000))) j
LEFT JOIN tracks t ON t.id = j.track_id
WHERE j.status IN ('waiting', 'retrying') AND j.scheduled_at > now()
ORDER BY j.scheduled_at, j.id LIMIT 20
