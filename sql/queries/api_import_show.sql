-- One of a user's imports.
SELECT * FROM sfa_imports WHERE id = %(id)s AND user_id = %(user_id)s
