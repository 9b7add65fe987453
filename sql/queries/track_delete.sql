-- A track goes with its jobs, stems and analyses. Back comes which objects of the store it referred to; whether
-- somebody else needs them is asked when they are removed.
WITH gone AS (
    DELETE FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id, title, audio_key
)
SELECT g.title,
       array(SELECT s.audio_key FROM stems s WHERE s.track_id = g.id
             UNION SELECT p.audio_key FROM stem_pieces p WHERE p.track_id = g.id
             UNION SELECT e.audio_key FROM exports e WHERE e.track_id = g.id
             UNION SELECT g.audio_key WHERE g.audio_key IS NOT NULL) AS keys
FROM gone g
