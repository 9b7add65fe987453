-- Another name or another kind for a cue point of one's own; a loop stays a loop.
UPDATE cue_points c SET label = coalesce(%(label)s, c.label),
    cue_type = CASE WHEN c.cue_type IN ('hot', 'memory') THEN coalesce(%(cue_type)s::cue_type, c.cue_type) ELSE c.cue_type END
FROM tracks t WHERE c.id = %(id)s AND t.id = c.track_id AND t.user_id = %(user_id)s
RETURNING c.track_id
