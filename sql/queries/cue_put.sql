-- Name, kind, colour and pad of a cue point of one's own, whichever are given.
UPDATE cue_points c SET label = coalesce(%(label)s, c.label), cue_type = coalesce(%(cue_type)s::cue_type, c.cue_type),
    colour = CASE WHEN %(colour_given)s THEN %(colour)s::text ELSE c.colour END,
    pad = CASE WHEN %(pad_given)s THEN %(pad)s::smallint ELSE c.pad END
FROM tracks t WHERE c.id = %(id)s AND t.id = c.track_id AND t.user_id = %(user_id)s
