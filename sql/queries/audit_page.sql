-- One page of the audit log, newest first, by key; of one user, or of everybody.
SELECT id, at, user_id, actor, action, target, address, detail FROM audit_log
WHERE (%(before)s::bigint IS NULL OR id < %(before)s::bigint) AND (%(user_id)s::integer IS NULL OR user_id = %(user_id)s::integer)
  AND (%(action)s::text IS NULL OR action = %(action)s::text)
ORDER BY id DESC LIMIT %(size)s
