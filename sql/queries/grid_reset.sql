-- The grid as analysed again, for the track's owner.
SELECT sfa_grid_reset(id) AS tempo FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s
