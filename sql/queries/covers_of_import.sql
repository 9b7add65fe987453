-- One job for the covers of the user's import, or the one that is at it. No row: it is not the user's.
SELECT sfa_enqueue('covers', jsonb_build_object('import_id', id, 'size', %(size)s::integer)) AS id
FROM imports WHERE id = %(id)s AND user_id = %(user_id)s
