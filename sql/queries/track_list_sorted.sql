-- One page of a user's tracks in any order, narrowed by tempo, key, stems and what goes on with them; by key, like the
-- plain list. It looks at every track of the user: 10,000 of them take some 30 ms.
WITH mine AS (
    SELECT t.id, t.title, t.artist, t.inserted_at, coalesce(t.duration_ms, a.duration_ms) AS duration_ms, a.tempo, a.key, a.camelot,
           coalesce(CASE %(sort)s WHEN 'tempo' THEN a.tempo::float8 WHEN 'length' THEN coalesce(t.duration_ms, a.duration_ms)::float8
                        WHEN 'newest' THEN extract(epoch FROM t.inserted_at)::float8
                        WHEN 'key' THEN substring(a.camelot FROM '^\d+')::float8 ELSE 0::float8 END,
                    CASE WHEN %(falling)s THEN -1e300 ELSE 1e300 END) AS n,
           CASE %(sort)s WHEN 'title' THEN lower(t.title) WHEN 'artist' THEN coalesce(lower(t.artist), '')
               WHEN 'key' THEN coalesce(right(a.camelot, 1), '') ELSE '' END AS s
    FROM tracks t
    LEFT JOIN LATERAL (
        SELECT tempo, key, camelot, duration_ms FROM analysis_results WHERE track_id = t.id ORDER BY version DESC LIMIT 1) a ON true
    WHERE t.user_id = %(user_id)s
      AND (%(q)s = '' OR strpos(lower(t.title || ' ' || coalesce(t.artist, '')), lower(%(q)s)) > 0)
      AND (%(slowest)s::float8 IS NULL OR a.tempo >= %(slowest)s)
      AND (%(fastest)s::float8 IS NULL OR a.tempo <= %(fastest)s)
      AND (%(camelot)s = '' OR a.camelot = %(camelot)s)
      AND (%(stems)s = '' OR (%(stems)s = 'yes') = EXISTS (SELECT FROM stems WHERE track_id = t.id))
      AND (%(state)s = '' OR EXISTS (SELECT FROM sfa_jobs WHERE track_id = t.id AND status = ANY (CASE %(state)s
              WHEN 'active' THEN '{waiting,running,retrying}' ELSE '{failed}' END::job_status[])))
), page AS (
    SELECT * FROM mine
    WHERE %(before_id)s::uuid IS NULL
       OR CASE WHEN %(falling)s THEN (n, s, id) < (%(before_n)s::float8, %(before_s)s::text, %(before_id)s::uuid)
               ELSE (n, s, id) > (%(before_n)s::float8, %(before_s)s::text, %(before_id)s::uuid) END
    ORDER BY CASE WHEN NOT %(falling)s THEN n END, CASE WHEN %(falling)s THEN n END DESC,
             CASE WHEN NOT %(falling)s THEN s END, CASE WHEN %(falling)s THEN s END DESC,
             CASE WHEN NOT %(falling)s THEN id END, CASE WHEN %(falling)s THEN id END DESC
    LIMIT %(size)s
)
SELECT p.*, s.stems, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.scheduled_at
FROM page p
LEFT JOIN LATERAL (
    SELECT array_agg(stem_type ORDER BY array_position('{vocals,drums,bass,guitar,piano,other}'::text[], stem_type), stem_type) AS stems
    FROM (SELECT DISTINCT stem_type FROM stems WHERE track_id = p.id) kinds) s ON true
LEFT JOIN LATERAL (
    SELECT kind, detail, status, progress, stage, error, scheduled_at FROM sfa_jobs WHERE track_id = p.id
    ORDER BY CASE status WHEN 'running' THEN 0 WHEN 'retrying' THEN 1 WHEN 'waiting' THEN 2 ELSE 3 END,
             finished_at DESC NULLS LAST LIMIT 1) j ON true
ORDER BY CASE WHEN NOT %(falling)s THEN p.n END, CASE WHEN %(falling)s THEN p.n END DESC,
         CASE WHEN NOT %(falling)s THEN p.s END, CASE WHEN %(falling)s THEN p.s END DESC,
         CASE WHEN NOT %(falling)s THEN p.id END, CASE WHEN %(falling)s THEN p.id END DESC
