-- Where a piece lies, for the track's owner.
SELECT s.audio_key FROM stem_pieces s JOIN tracks t ON t.id = s.track_id
WHERE s.processing_job_id = %(job_id)s AND s.stem_type = %(stem)s AND s.number = %(number)s AND t.user_id = %(user_id)s
