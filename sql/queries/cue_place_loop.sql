-- Another end, and beginning where one is given, for a loop of one's own.
SELECT sfa_loop_place(c.id, %(position_ms)s::integer, %(end_ms)s::integer, %(snap)s) FROM cue_points c JOIN tracks t ON t.id = c.track_id
WHERE c.id = %(id)s AND t.user_id = %(user_id)s
