-- A user's jobs that begin later, the next one first: retries and what was put off. Of very many the newest 200 are looked at.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.error, j.scheduled_at, j.track_id, coalesce(t.title, j.detail) AS title,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM (
    (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'waiting' AND status <> 'running' AND scheduled_at > now() ORDER BY inserted_at DESC, id DESC LIMIT 200)
    UNION ALL
    (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'retrying' AND scheduled_at > now() ORDER BY inserted_at DESC, id DESC LIMIT 200)) j
LEFT JOIN tracks t ON t.id = j.track_id
ORDER BY j.scheduled_at, j.id LIMIT 20
