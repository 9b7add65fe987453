-- A user signs out of Spotify.
DELETE FROM spotify_accounts WHERE user_id = %(user_id)s
