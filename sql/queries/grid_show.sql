-- The grid that counts of a user's own track, and what a person said of it. source NULL: it was not analysed yet.
SELECT g.source, g.tempo, g.confidence, g.metre, g.beats, g.bars, g.updated_at,
       CASE WHEN c.track_id IS NOT NULL THEN
           jsonb_build_object('tempo', c.tempo, 'anchor', c.anchor, 'downbeat', c.downbeat, 'metre', c.metre) END AS correction
FROM tracks t LEFT JOIN grids g ON g.track_id = t.id LEFT JOIN grid_corrections c ON c.track_id = t.id
WHERE t.id = %(id)s AND t.user_id = %(user_id)s
