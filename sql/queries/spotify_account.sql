-- Who a user is at Spotify.
SELECT spotify_user, name, scopes, connected_at, ended_at FROM spotify_accounts WHERE user_id = %(user_id)s
