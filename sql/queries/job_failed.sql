-- The latest failures that still stand: the same work has not succeeded, nor been started again, since.
-- Of very many failures the newest 200 are looked at.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.error, j.error_kind, j.attempt, j.finished_at, j.track_id, coalesce(t.title, j.detail) AS title, t.artist
FROM (SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'failed' ORDER BY inserted_at DESC, id DESC LIMIT 200) j
LEFT JOIN tracks t ON t.id = j.track_id
WHERE NOT EXISTS (
    SELECT FROM sfa_jobs later
    WHERE later.track_id = j.track_id AND later.kind = j.kind AND later.detail = j.detail
      AND later.inserted_at > j.inserted_at AND later.status IN ('completed', 'running', 'waiting'))
ORDER BY j.finished_at DESC, j.id
LIMIT 10
