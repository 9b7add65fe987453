-- A user's sign-in, held while its token is exchanged: the old one is good once.
SELECT user_id FROM spotify_accounts WHERE user_id = %(user_id)s AND ended_at IS NULL FOR UPDATE
