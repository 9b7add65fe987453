-- A request with this key, for the first time. No row: there was one; one that is under way is waited for.
INSERT INTO api_requests (user_id, key, fingerprint) VALUES (%(user_id)s, %(key)s, %(fingerprint)s)
ON CONFLICT (user_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, inserted_at = now(), status = NULL
WHERE api_requests.inserted_at < now() - interval '1 day'
RETURNING key
