-- Pieces of jobs that ended without their worker (it was killed, then cancelled by hand).
DELETE FROM stem_pieces WHERE ctid = ANY (ARRAY(
    SELECT s.ctid FROM stem_pieces s JOIN processing_jobs j ON j.id = s.processing_job_id WHERE j.finished_at IS NOT NULL LIMIT 1000))
