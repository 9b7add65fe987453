-- Somebody knows where an item's audio is.
UPDATE import_items i SET audio_address = %(address)s FROM imports m
WHERE m.id = i.import_id AND m.id = %(id)s AND m.user_id = %(user_id)s AND i.position = %(position)s
RETURNING i.position
