-- A complete separation of the same recipe, whoever's: its stems and what it said of itself.
SELECT j.result, s.stem_type, s.label, s.audio_key, s.format, s.duration_ms, s.sample_rate, s.channels, s.bytes, s.sha256,
       s.rms_db, s.peak_db, s.peaks, s.checks
FROM stems s JOIN processing_jobs j ON j.id = s.processing_job_id
WHERE j.id = (SELECT id FROM processing_jobs WHERE recipe = %(recipe)s AND status = 'completed' AND id <> %(job)s
              ORDER BY finished_at DESC LIMIT 1)
ORDER BY s.audio_key
