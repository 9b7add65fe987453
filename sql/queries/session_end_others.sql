-- Every session of a user but this one, and every link that was not used yet.
DELETE FROM user_tokens WHERE user_id = %(user_id)s AND context IN ('session', 'sign_in') AND id IS DISTINCT FROM %(current)s
