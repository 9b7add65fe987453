-- What of one kind is over or was taken out of the rules' reach, what goes first first; a user's own, or (user_id NULL) everybody's.
(SELECT row_id, title, since, found_at, goes_at, false AS kept FROM sfa_expired
 WHERE kind = %(kind)s AND (%(user_id)s::integer IS NULL OR user_id = %(user_id)s)
 ORDER BY goes_at NULLS LAST, since, row_id LIMIT %(size)s)
UNION ALL
(SELECT r.row_id, r.title, r.since, NULL, NULL, true FROM expirations e JOIN sfa_retained r USING (kind, row_id)
 WHERE e.kept AND e.kind = %(kind)s AND (%(user_id)s::integer IS NULL OR r.user_id = %(user_id)s)
 ORDER BY e.found_at DESC LIMIT %(size)s)
