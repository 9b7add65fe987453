-- Whether a user administers: a row if so.
SELECT id FROM users WHERE id = %(user_id)s AND role = 'admin' AND status = 'active'
