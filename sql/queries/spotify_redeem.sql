-- The state of a sign-in under way, used up by this. No row: it is somebody else's, too old, or was used.
DELETE FROM spotify_sign_ins WHERE user_id = %(user_id)s AND state_hash = %(state_hash)s AND expires_at > now() RETURNING user_id
