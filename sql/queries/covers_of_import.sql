-- One job for the covers of the user's import, or the one that is at it. No row: it is not the user's.
SELECT sfa_enqueue('covers', jsonb_strip_nulls(jsonb_build_object(
    'import_id', id, 'size', %(size)s::integer, 'after', %(after)s::uuid, 'needs', %(needs)s::jsonb))) AS id
FROM imports WHERE id = %(id)s AND user_id = %(user_id)s
