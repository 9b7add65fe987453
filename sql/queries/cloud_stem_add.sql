-- One stem from the cloud.
INSERT INTO stems (track_id, processing_job_id, stem_type, label, audio_key, format, duration_ms, sample_rate, channels, bytes, sha256,
                   rms_db, peak_db, peaks, checks)
VALUES (%(track)s, %(processing_job)s, %(stem_type)s, %(label)s, %(audio_key)s, %(format)s, %(duration_ms)s, %(sample_rate)s,
        %(channels)s, %(bytes)s, %(sha256)s, %(rms_db)s, %(peak_db)s, %(peaks)s, %(checks)s)
