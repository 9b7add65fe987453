-- The user with this address, however it is written.
SELECT id, email, role, status, password_hash, confirmed_at FROM users WHERE lower(email) = lower(%(email)s)
