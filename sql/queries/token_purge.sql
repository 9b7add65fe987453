-- Nobody can use them any more; they are removed when the next link is made.
DELETE FROM user_tokens WHERE expires_at < now() - interval '1 day'
