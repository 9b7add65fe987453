-- A batch of the secrets that another key than the newest sealed.
SELECT id, user_id, name, key_id, sealed FROM secrets WHERE key_id <> %(key_id)s AND key_id = ANY (%(known)s)
ORDER BY id LIMIT 500 FOR UPDATE
