-- A person's correction of a track's grid, for the track's owner; what is NULL stays as it is.
SELECT sfa_grid_correct(id, %(factor)s, %(shift_ms)s, %(taps)s::double precision[], %(downbeat)s, %(tempo)s, %(metre)s::integer) AS tempo
FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s
