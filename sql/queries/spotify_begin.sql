-- A sign-in begins; one that was under way ends.
INSERT INTO spotify_sign_ins (user_id, state_hash) VALUES (%(user_id)s, %(state_hash)s)
ON CONFLICT (user_id) DO UPDATE SET state_hash = excluded.state_hash, expires_at = excluded.expires_at
