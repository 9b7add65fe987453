-- The waveforms of one separation's stems, for the track's owner, what each stem is, and whether one may zoom into it.
SELECT s.id, s.stem_type, s.label, left(s.sha256, 12) AS version, s.peaks,
       EXISTS (SELECT FROM waveforms w WHERE w.audio_key = s.audio_key) AS zoomed
FROM stems s JOIN tracks t ON t.id = s.track_id
WHERE s.track_id = %(track_id)s AND s.processing_job_id = %(job_id)s AND t.user_id = %(user_id)s
