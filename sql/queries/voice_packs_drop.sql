-- The voices of an account whose key is gone.
DELETE FROM voice_packs WHERE user_id = %(user_id)s
