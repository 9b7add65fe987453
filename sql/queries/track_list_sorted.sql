-- One page of a user's tracks in any order, narrowed by tempo, key, stems and what goes on with them; by key, like the
-- plain list. Planned for the values at hand: what is not asked for folds away, and each order is an index's (0051), which
-- is walked until the page is full. A filter that few tracks pass costs a look at each track at most.
WITH mine AS (
    SELECT t.id, t.title, t.artist, t.inserted_at, t.duration_ms, t.heard_tempo AS tempo, t.heard_key AS key, t.heard_camelot AS camelot,
           CASE %(sort)s::text WHEN 'newest' THEN t.inserted_at END AS at,
           CASE %(sort)s::text
               WHEN 'tempo' THEN coalesce(t.heard_tempo::float8, CASE WHEN %(falling)s THEN -1e300 ELSE 1e300 END)
               WHEN 'length' THEN coalesce(t.duration_ms::float8, CASE WHEN %(falling)s THEN -1e300 ELSE 1e300 END)
               WHEN 'key' THEN coalesce(sfa_camelot_place(t.heard_camelot), CASE WHEN %(falling)s THEN -1e300 ELSE 1e300 END)
           END AS n,
           CASE %(sort)s::text WHEN 'title' THEN lower(t.title) WHEN 'artist' THEN coalesce(lower(t.artist), '') END AS s
    FROM tracks t
    WHERE t.user_id = %(user_id)s
      AND (%(q)s = '' OR strpos(lower(t.title || ' ' || coalesce(t.artist, '')), lower(%(q)s)) > 0)
      AND (%(slowest)s::float8 IS NULL OR t.heard_tempo >= %(slowest)s)
      AND (%(fastest)s::float8 IS NULL OR t.heard_tempo <= %(fastest)s)
      AND (%(camelot)s = '' OR t.heard_camelot = %(camelot)s)
      AND (%(stems)s = '' OR (%(stems)s = 'yes') = EXISTS (SELECT FROM stems WHERE track_id = t.id))
      AND (%(state)s <> 'active' OR t.id IN (SELECT track_id FROM sfa_jobs WHERE finished_at IS NULL AND track_id IS NOT NULL))
      AND (%(state)s <> 'failed' OR t.id IN (SELECT track_id FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = 'failed' AND track_id IS NOT NULL))
), page AS (
    SELECT * FROM mine
    WHERE CASE WHEN %(before_id)s::uuid IS NULL THEN true
               WHEN %(sort)s::text = 'newest' THEN CASE WHEN %(falling)s THEN (at, id) < (%(before_at)s::timestamptz, %(before_id)s::uuid)
                                                        ELSE (at, id) > (%(before_at)s::timestamptz, %(before_id)s::uuid) END
               WHEN %(sort)s::text IN ('title', 'artist') THEN CASE WHEN %(falling)s THEN (s, id) < (%(before_s)s::text, %(before_id)s::uuid)
                                                                    ELSE (s, id) > (%(before_s)s::text, %(before_id)s::uuid) END
               ELSE CASE WHEN %(falling)s THEN (n, id) < (%(before_n)s::float8, %(before_id)s::uuid)
                         ELSE (n, id) > (%(before_n)s::float8, %(before_id)s::uuid) END END
    ORDER BY CASE WHEN NOT %(falling)s THEN at END, CASE WHEN %(falling)s THEN at END DESC,
             CASE WHEN NOT %(falling)s THEN n END, CASE WHEN %(falling)s THEN n END DESC,
             CASE WHEN NOT %(falling)s THEN s END, CASE WHEN %(falling)s THEN s END DESC,
             CASE WHEN NOT %(falling)s THEN id END, CASE WHEN %(falling)s THEN id END DESC
    LIMIT %(size)s
)
SELECT p.*, s.stems, j.kind, j.detail, j.status, j.progress, j.stage, j.error, j.scheduled_at
FROM page p
LEFT JOIN LATERAL (
    SELECT array_agg(stem_type ORDER BY array_position('{vocals,drums,bass,guitar,piano,other}'::text[], stem_type), stem_type) AS stems
    FROM (SELECT DISTINCT stem_type FROM stems WHERE track_id = p.id) kinds) s ON true
LEFT JOIN LATERAL sfa_track_job(p.id) j ON true
ORDER BY CASE WHEN NOT %(falling)s THEN p.at END, CASE WHEN %(falling)s THEN p.at END DESC,
         CASE WHEN NOT %(falling)s THEN p.n END, CASE WHEN %(falling)s THEN p.n END DESC,
         CASE WHEN NOT %(falling)s THEN p.s END, CASE WHEN %(falling)s THEN p.s END DESC,
         CASE WHEN NOT %(falling)s THEN p.id END, CASE WHEN %(falling)s THEN p.id END DESC
