-- A download job with its track, as its worker needs it.
SELECT d.id, d.track_id, d.address, d.audio_address, d.then_model, t.title, t.audio_key
FROM download_jobs d JOIN tracks t ON t.id = d.track_id WHERE d.id = %(id)s
