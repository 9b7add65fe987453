-- Keep a secret under its owner's name for it; the one that was there is gone.
INSERT INTO secrets (user_id, name, key_id, sealed) VALUES (%(user_id)s, %(name)s, %(key_id)s, %(sealed)s)
ON CONFLICT (coalesce(user_id, 0), name) DO UPDATE
SET key_id = excluded.key_id, sealed = excluded.sealed, updated_at = now(), used_at = NULL
