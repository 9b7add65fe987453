-- The same kind of job for many tracks of a user; where one is at that work already, it is linked.
SELECT sfa_enqueue(%(kind)s, jsonb_build_object('track_id', id) || %(args)s::jsonb) AS job FROM tracks
WHERE id = ANY (%(ids)s::uuid[]) AND user_id = %(user_id)s AND audio_key IS NOT NULL
ORDER BY inserted_at, id
