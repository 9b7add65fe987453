-- What an import found, in its order, a page at a time.
SELECT i.* FROM sfa_import_items i JOIN imports m ON m.id = i.import_id
WHERE i.import_id = %(id)s AND m.user_id = %(user_id)s AND i.position > %(after)s
ORDER BY i.position LIMIT %(size)s
