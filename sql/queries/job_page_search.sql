-- The jobs of the tracks whose title or artist matches; the newest 200 such tracks are looked at.
WITH found AS MATERIALIZED (
    SELECT id, title, artist FROM tracks
    WHERE user_id = %(user_id)s AND strpos(lower(title || ' ' || coalesce(artist, '')), lower(%(q)s)) > 0
    ORDER BY inserted_at DESC, id DESC LIMIT 200
)
SELECT j.*, f.title, f.artist,
       extract(epoch FROM coalesce(j.finished_at, clock_timestamp()) - j.started_at)::float8 AS elapsed,
       extract(epoch FROM j.scheduled_at - clock_timestamp())::float8 AS starts_in
FROM found f
CROSS JOIN LATERAL (
    SELECT * FROM sfa_jobs
    WHERE track_id = f.id
      AND (%(status)s::job_status IS NULL OR status = %(status)s)
      AND (%(kind)s::text IS NULL OR kind = %(kind)s)
      AND (%(detail)s::text IS NULL OR detail = %(detail)s)
      AND (%(reason)s::error_kind IS NULL OR error_kind = %(reason)s)
      AND (%(since)s::interval IS NULL OR inserted_at > now() - %(since)s::interval)
      AND (%(before_at)s::timestamptz IS NULL OR (inserted_at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
    ORDER BY inserted_at DESC, id DESC
    LIMIT %(size)s) j
ORDER BY j.inserted_at DESC, j.id DESC
LIMIT %(size)s
