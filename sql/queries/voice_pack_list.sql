-- The voices a user can choose, his own first.
SELECT pack_id, name FROM voice_packs WHERE user_id IS NULL OR user_id = %(user_id)s ORDER BY user_id NULLS LAST, name
