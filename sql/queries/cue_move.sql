-- A cue point of one's own to another place; a loop goes as a whole, its end first where it moves to the right.
WITH mine AS (
    SELECT c.id, c.track_id, c.position_ms AS was, o.id AS out_id, o.position_ms AS out_was
    FROM cue_points c JOIN tracks t ON t.id = c.track_id LEFT JOIN cue_points o ON o.loop_in_id = c.id
    WHERE c.id = %(id)s AND t.user_id = %(user_id)s
), place AS (
    SELECT *, CASE WHEN %(snap)s THEN sfa_beat_near(track_id, %(position_ms)s) ELSE %(position_ms)s END AS now FROM mine
)
SELECT p.track_id, sfa_cues_shift(CASE WHEN p.out_id IS NULL THEN ARRAY[p.id] WHEN p.now > p.was THEN ARRAY[p.out_id, p.id] ELSE ARRAY[p.id, p.out_id] END, p.now - p.was) AS position_ms
FROM place p
