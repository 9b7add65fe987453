-- What an import found, in its order, and what became of it; a page of it, by position.
SELECT i.* FROM sfa_import_items i JOIN imports m ON m.id = i.import_id
WHERE i.import_id = %(id)s AND m.user_id = %(user_id)s AND i.position >= %(start)s AND (%(status)s = '' OR i.status = %(status)s)
ORDER BY i.position LIMIT %(size)s
