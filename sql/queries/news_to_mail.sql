-- A notification, whose it is and in which language it is told, unless it has been mailed; locked, so that it is mailed once.
SELECT n.title, n.body, n.link, n.user_id, u.email, s.language FROM notifications n JOIN users u ON u.id = n.user_id
LEFT JOIN notification_settings s ON s.user_id = n.user_id
WHERE n.id = %(id)s AND n.mailed_at IS NULL AND u.status = 'active' FOR UPDATE OF n
