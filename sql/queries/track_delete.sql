-- A track goes with its jobs, stems and analyses. Back comes which objects of the store nobody else needs.
WITH gone AS (
    DELETE FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id, title, audio_key
)
SELECT g.title,
       array(SELECT s.audio_key FROM stems s WHERE s.track_id = g.id)
       || array(SELECT g.audio_key WHERE g.audio_key IS NOT NULL
                AND NOT EXISTS (SELECT FROM tracks o WHERE o.audio_key = g.audio_key AND o.id <> g.id)) AS keys
FROM gone g
