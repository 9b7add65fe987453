-- A job's covers, to the tracks that have none yet; many in one statement.
UPDATE tracks t SET album_art_key = u.key, updated_at = now()
FROM unnest(%(tracks)s::uuid[], %(keys)s::text[]) AS u (id, key) WHERE t.id = u.id AND t.album_art_key IS NULL
