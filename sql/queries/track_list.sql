-- One page of a user's tracks, newest first, by key: page 1,000 costs what page 1 does.
SELECT t.id, t.title, t.artist, t.inserted_at, t.duration_ms,
       t.heard_tempo AS tempo, t.heard_key AS key, t.heard_camelot AS camelot, s.stems,
       j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.scheduled_at
FROM tracks t
LEFT JOIN LATERAL (
    SELECT array_agg(stem_type ORDER BY array_position('{vocals,drums,bass,guitar,piano,other}'::text[], stem_type), stem_type) AS stems
    FROM (SELECT DISTINCT stem_type FROM stems WHERE track_id = t.id) kinds) s ON true
LEFT JOIN LATERAL sfa_track_job(t.id) j ON true
WHERE t.user_id = %(user_id)s
  AND (%(q)s = '' OR strpos(lower(t.title || ' ' || coalesce(t.artist, '')), lower(%(q)s)) > 0)
  AND (%(before_at)s::timestamptz IS NULL OR (t.inserted_at, t.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY t.inserted_at DESC, t.id DESC
LIMIT %(size)s
