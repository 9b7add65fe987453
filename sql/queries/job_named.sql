-- A user's own jobs among these ids, newest first: what a change of many is about to touch.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.scheduled_at, j.track_id, coalesce(t.title, j.detail) AS title, t.artist
FROM sfa_jobs j LEFT JOIN tracks t ON t.id = j.track_id
WHERE j.id = ANY (%(ids)s::uuid[]) AND j.user_id = %(user_id)s
ORDER BY j.inserted_at DESC, j.id DESC
