-- A user is signed in at Spotify.
INSERT INTO spotify_accounts (user_id, spotify_user, name, scopes) VALUES (%(user_id)s, %(spotify_user)s, %(name)s, %(scopes)s)
ON CONFLICT (user_id) DO UPDATE SET spotify_user = excluded.spotify_user, name = excluded.name, scopes = excluded.scopes,
    connected_at = now(), ended_at = NULL
