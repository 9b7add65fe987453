-- What a separation's stems say of tempo and key; a newer run replaces the older. A separation that is gone takes no answer.
INSERT INTO stem_analyses (processing_job_id, track_id, version, tempo, tempo_confidence, key, key_confidence, camelot, features)
SELECT p.id, p.track_id, %(version)s, %(tempo)s, %(tempo_confidence)s, %(key)s, %(key_confidence)s, %(camelot)s, %(features)s
FROM processing_jobs p WHERE p.id = %(separation)s
ON CONFLICT (processing_job_id) DO UPDATE SET
    version = excluded.version, tempo = excluded.tempo, tempo_confidence = excluded.tempo_confidence, key = excluded.key,
    key_confidence = excluded.key_confidence, camelot = excluded.camelot, features = excluded.features, inserted_at = now()
