-- The track first, as a DELETE of it does: locked in another order, the two would deadlock.
SELECT FROM tracks WHERE id = %(id)s FOR NO KEY UPDATE
