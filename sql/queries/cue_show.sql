-- One cue point of the user's; a loop is one row with its end, which is none by itself.
SELECT c.id, c.track_id, c.position_ms, c.cue_type, c.label, c.colour, c.pad, c.auto_generated, c.confidence, o.position_ms AS end_ms
FROM cue_points c JOIN tracks t ON t.id = c.track_id LEFT JOIN cue_points o ON o.loop_in_id = c.id
WHERE c.id = %(id)s AND t.user_id = %(user_id)s AND c.cue_type <> 'loop_out'
