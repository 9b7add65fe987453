-- The same for one state, by the index of states; what runs, by the queue rows.
SELECT j.*, coalesce(t.title, j.detail) AS title, t.artist,
       extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM (
    SELECT * FROM sfa_jobs
    WHERE user_id = %(user_id)s
      AND listed_as = CASE %(status)s::job_status WHEN 'running' THEN 'waiting' ELSE %(status)s::job_status END
      AND (%(status)s::job_status <> 'waiting' OR status <> 'running')
      AND (%(status)s::job_status <> 'running' OR status = 'running' AND queue_job_id = ANY (ARRAY(SELECT id FROM procrastinate_jobs WHERE status = 'doing')))
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(detail)s::text IS NULL OR detail = %(detail)s)
      AND (%(reason)s::error_kind IS NULL OR error_kind = %(reason)s)
      AND (%(since)s::interval IS NULL OR inserted_at > now() - %(since)s::interval)
      AND (%(before_at)s::timestamptz IS NULL OR (inserted_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
    ORDER BY inserted_at DESC, id DESC
    LIMIT %(size)s) j
LEFT JOIN tracks t ON t.id = j.track_id
ORDER BY j.inserted_at DESC, j.id DESC
