-- A user's import with its counts.
SELECT * FROM sfa_imports WHERE id = %(id)s AND user_id = %(user_id)s
