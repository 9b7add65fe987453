-- A user's choice of what comes by mail, and in which language.
INSERT INTO notification_settings (user_id, by_mail, language) VALUES (%(user_id)s, %(kinds)s, %(language)s)
ON CONFLICT (user_id) DO UPDATE SET by_mail = excluded.by_mail, language = excluded.language
