-- Keep one row, or let the rules have it again; nothing, where it is none of the user's (user_id NULL: anybody's).
SELECT sfa_keep(r.kind, r.row_id, %(keep)s), r.kind FROM sfa_retained r
WHERE r.kind = %(kind)s AND r.row_id = %(row)s AND (%(user_id)s::integer IS NULL OR r.user_id = %(user_id)s) LIMIT 1
