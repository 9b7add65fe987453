-- No limit of the user's own any more; the administrators' stays.
DELETE FROM cloud_own_limits WHERE user_id = %(user_id)s
