-- A job of any kind that works on a track, for the track's owner. No row: there is no such kind, or no such track of his.
SELECT sfa_enqueue(k.task_name, %(args)s::jsonb) AS id
FROM job_kinds k, tracks t
WHERE k.task_name = %(kind)s AND k.arguments @> '{track_id}' AND t.id = %(track_id)s AND t.user_id = %(user_id)s
