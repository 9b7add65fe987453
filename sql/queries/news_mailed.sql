-- It has been mailed.
UPDATE notifications SET mailed_at = now() WHERE id = %(id)s
