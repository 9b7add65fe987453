-- The language of a user's mails.
INSERT INTO notification_settings (user_id, language) VALUES (%(user_id)s, %(language)s)
ON CONFLICT (user_id) DO UPDATE SET language = excluded.language
