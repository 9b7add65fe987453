-- A user's choice of what comes by mail.
INSERT INTO notification_settings (user_id, by_mail) VALUES (%(user_id)s, %(kinds)s) ON CONFLICT (user_id) DO UPDATE SET by_mail = excluded.by_mail
