-- How many minutes an account has left, as lalal.ai said.
INSERT INTO cloud_accounts (account, minutes_left, minutes_at) VALUES (%(account)s, %(minutes)s, now())
ON CONFLICT (account) DO UPDATE SET minutes_left = excluded.minutes_left, minutes_at = excluded.minutes_at
