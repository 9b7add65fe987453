-- Without this rule: everybody's (user_id NULL) or a user's own.
DELETE FROM retention_rules WHERE kind = %(kind)s AND user_id IS NOT DISTINCT FROM %(user_id)s
