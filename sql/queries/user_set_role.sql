-- Make an administrator, or no longer one. No row: it is the last one (the administrators are locked, user_lock_admins).
UPDATE users u SET role = %(role)s::user_role
WHERE u.id = %(user_id)s AND (%(role)s = 'admin'
    OR EXISTS (SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.status = 'active'))
RETURNING email
