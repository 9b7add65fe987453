-- An import and every job that came of it, oldest first; the titles are the tracks'.
SELECT j.id, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.error_kind, j.attempt,
       j.scheduled_at, j.inserted_at, j.started_at, j.finished_at, j.track_id, t.title,
       extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM imports m
JOIN sfa_jobs j ON j.id = m.id
    OR j.inserted_at >= m.inserted_at AND j.track_id IN (SELECT i.track_id FROM import_items i WHERE i.import_id = m.id AND i.status = 'queued')
LEFT JOIN tracks t ON t.id = j.track_id
WHERE m.id = %(id)s AND m.user_id = %(user_id)s
ORDER BY j.inserted_at, j.id
