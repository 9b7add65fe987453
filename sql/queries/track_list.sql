-- One page of a user's tracks, newest first, by key: page 1,000 costs what page 1 does.
SELECT t.id, t.title, t.artist, t.inserted_at, coalesce(t.duration_ms, a.duration_ms) AS duration_ms,
       a.tempo, a.key, a.camelot, s.stems,
       j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.scheduled_at
FROM tracks t
LEFT JOIN LATERAL (
    SELECT tempo, key, camelot, duration_ms FROM sfa_analyses WHERE track_id = t.id) a ON true
LEFT JOIN LATERAL (
    SELECT array_agg(stem_type ORDER BY array_position('{vocals,drums,bass,guitar,piano,other}'::text[], stem_type), stem_type) AS stems
    FROM (SELECT DISTINCT stem_type FROM stems WHERE track_id = t.id) kinds) s ON true
LEFT JOIN LATERAL (
    -- What a person wants to know first: what runs, then what waits, then what happened last.
    SELECT kind, detail, status, progress, stage, error, scheduled_at FROM sfa_jobs WHERE track_id = t.id
    ORDER BY CASE status WHEN 'running' THEN 0 WHEN 'retrying' THEN 1 WHEN 'waiting' THEN 2 ELSE 3 END,
             finished_at DESC NULLS LAST LIMIT 1) j ON true
WHERE t.user_id = %(user_id)s
  AND (%(q)s = '' OR strpos(lower(t.title || ' ' || coalesce(t.artist, '')), lower(%(q)s)) > 0)
  AND (%(before_at)s::timestamptz IS NULL OR (t.inserted_at, t.id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
ORDER BY t.inserted_at DESC, t.id DESC
LIMIT %(size)s
