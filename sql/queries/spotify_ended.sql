-- Spotify has taken a sign-in back.
UPDATE spotify_accounts SET ended_at = now() WHERE user_id = %(user_id)s AND ended_at IS NULL
