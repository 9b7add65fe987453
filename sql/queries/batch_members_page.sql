-- A batch's members, in the order of its tracks, a piece at a time; of one state, or of all.
SELECT m.position, m.track_id, m.title, m.job_id, m.status, m.progress, m.stage, m.error, m.finished_at,
       extract(epoch FROM m.scheduled_at - now())::float8 AS starts_in
FROM sfa_batch_members m JOIN batch_jobs b ON b.id = m.batch_id
WHERE m.batch_id = %(id)s AND b.user_id = %(user_id)s AND m.position > %(after)s AND (%(status)s::text IS NULL OR m.status = %(status)s)
ORDER BY m.position LIMIT %(size)s
