-- A user chooses from an import of their own; NULL: everything that was found. No row: it is not theirs.
SELECT sfa_import_choose(m.id, %(positions)s::integer[]) AS enqueued FROM imports m WHERE m.id = %(id)s AND m.user_id = %(user_id)s
