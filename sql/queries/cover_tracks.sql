-- The user's tracks of a job for covers that have none, and where an import says that theirs is.
SELECT DISTINCT ON (t.id) t.id, t.spotify_id, i.facts ->> 'cover_url' AS address
FROM cover_jobs c
JOIN tracks t ON t.user_id = c.user_id
    AND (t.id = ANY (c.track_ids) OR t.id IN (SELECT track_id FROM import_items WHERE import_id = c.import_id))
LEFT JOIN import_items i ON i.spotify_id = t.spotify_id AND i.facts ? 'cover_url'
WHERE c.id = %(id)s AND t.album_art_key IS NULL AND t.spotify_id IS NOT NULL
ORDER BY t.id, i.import_id LIMIT 1000
