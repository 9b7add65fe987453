-- A user's own limit on what lalal.ai may cost in a month; another one replaces it.
INSERT INTO cloud_own_limits (user_id, minutes_per_month) VALUES (%(user_id)s, %(minutes)s)
ON CONFLICT (user_id) DO UPDATE SET minutes_per_month = excluded.minutes_per_month
