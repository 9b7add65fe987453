-- A user's own voice packs, as lalal.ai lists them.
WITH listed AS (SELECT * FROM jsonb_to_recordset(%(packs)s::jsonb) AS p (pack_id text, name text, created double precision)),
gone AS (DELETE FROM voice_packs v WHERE v.user_id = %(user_id)s AND v.pack_id NOT IN (SELECT pack_id FROM listed))
INSERT INTO voice_packs (pack_id, user_id, name, created_at) SELECT pack_id, %(user_id)s, name, to_timestamp(created) FROM listed
ON CONFLICT (pack_id, user_id) DO UPDATE SET name = excluded.name
