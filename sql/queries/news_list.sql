-- A user's notifications, newest first.
SELECT id, kind, title, body, link, inserted_at, read_at FROM notifications WHERE user_id = %(user_id)s ORDER BY id DESC LIMIT %(size)s
