-- A user gives an upload up.
DELETE FROM uploads WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id
