-- What an export made; one that runs again replaces what it made before.
INSERT INTO exports AS e (track_id, processing_job_id, separation_id, package, file_name, audio_key, bytes, sha256)
VALUES (%(track)s, %(processing_job)s, %(separation)s, %(package)s, %(file_name)s, %(audio_key)s, %(bytes)s, %(sha256)s)
ON CONFLICT (processing_job_id) DO UPDATE SET
    separation_id = excluded.separation_id, package = excluded.package, file_name = excluded.file_name,
    audio_key = excluded.audio_key, bytes = excluded.bytes, sha256 = excluded.sha256, inserted_at = now()
