-- The same secret under another key.
UPDATE secrets SET key_id = %(key_id)s, sealed = %(sealed)s WHERE id = %(id)s
