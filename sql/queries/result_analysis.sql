-- One result a track and version: a newer run of the same version replaces the older.
INSERT INTO analysis_results (track_id, analysis_job_id, version, duration_ms, sample_rate, channels, tempo, tempo_confidence,
    key, key_confidence, camelot, energy, rms_db, peak_db, spectral_centroid, spectral_rolloff, zero_crossing_rate,
    loudness, true_peak_db, features)
VALUES (%(track)s, %(analysis_job)s, %(version)s, %(duration_ms)s, %(sample_rate)s, %(channels)s, %(tempo)s, %(tempo_confidence)s,
    %(key)s, %(key_confidence)s, %(camelot)s, %(energy)s, %(rms_db)s, %(peak_db)s, %(spectral_centroid)s, %(spectral_rolloff)s,
    %(zero_crossing_rate)s, %(loudness)s, %(true_peak_db)s, %(features)s)
ON CONFLICT (track_id, version) DO UPDATE SET
    analysis_job_id = excluded.analysis_job_id, duration_ms = excluded.duration_ms, sample_rate = excluded.sample_rate,
    channels = excluded.channels, tempo = excluded.tempo, tempo_confidence = excluded.tempo_confidence, key = excluded.key,
    key_confidence = excluded.key_confidence, camelot = excluded.camelot, energy = excluded.energy, rms_db = excluded.rms_db,
    peak_db = excluded.peak_db, spectral_centroid = excluded.spectral_centroid, spectral_rolloff = excluded.spectral_rolloff,
    zero_crossing_rate = excluded.zero_crossing_rate,
    loudness = excluded.loudness, true_peak_db = excluded.true_peak_db, features = excluded.features, inserted_at = now()
