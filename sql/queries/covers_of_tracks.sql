-- One job for the covers of the named tracks. No row: not every one of them is the user's.
SELECT sfa_enqueue('covers', jsonb_strip_nulls(jsonb_build_object(
    'track_ids', %(ids)s::uuid[], 'size', %(size)s::integer, 'user_id', %(user_id)s::integer,
    'after', %(after)s::uuid, 'needs', %(needs)s::jsonb))) AS id
WHERE (SELECT count(*) FROM tracks WHERE id = ANY (%(ids)s::uuid[]) AND user_id = %(user_id)s) = cardinality(%(ids)s::uuid[])
