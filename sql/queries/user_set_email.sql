-- Another address for a user; whoever changes it at the command line answers for it.
UPDATE users SET email = %(email)s, confirmed_at = now() WHERE id = %(user_id)s RETURNING email
