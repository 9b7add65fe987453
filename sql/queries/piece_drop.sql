-- The stems are whole, or there will be none: their pieces are not needed any more.
DELETE FROM stem_pieces WHERE processing_job_id = %(job)s RETURNING audio_key
