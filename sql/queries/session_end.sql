-- Signed out: the cookie opens nothing any more.
DELETE FROM user_tokens WHERE id = %(id)s AND context = 'session'
