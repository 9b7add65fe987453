-- The download of an address, with the track that it will be the audio of.
WITH track AS (
    INSERT INTO tracks (user_id, title, source)
    VALUES (%(user_id)s, left(coalesce(nullif(substring(%(address)s FROM '([^/?#]+)/*(?:[?#].*)?$'), ''), %(address)s), 500), 'link')
    RETURNING id
)
INSERT INTO download_jobs (track_id, address, then_model) SELECT id, %(address)s, %(model)s FROM track RETURNING id, track_id
