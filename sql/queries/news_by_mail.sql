-- Which kinds a user wants by mail.
SELECT by_mail FROM notification_settings WHERE user_id = %(user_id)s
