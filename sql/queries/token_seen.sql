-- When and where from a session or a token was last used.
UPDATE user_tokens SET seen_at = now(), address = %(address)s WHERE id = %(id)s
