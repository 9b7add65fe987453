-- What an earlier run of this very job left; nobody else's stems.
DELETE FROM stems WHERE processing_job_id = %(processing_job)s RETURNING audio_key
