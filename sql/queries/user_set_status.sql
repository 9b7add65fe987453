-- Suspend or readmit. No row: it is the last administrator, without whom nobody could undo it (the administrators are
-- locked, user_lock_admins).
UPDATE users u SET status = %(status)s::user_status
WHERE u.id = %(user_id)s AND (%(status)s = 'active' OR u.role <> 'admin'
    OR EXISTS (SELECT FROM users o WHERE o.id <> u.id AND o.role = 'admin' AND o.status = 'active'))
RETURNING email
