-- A job for covers, as its worker needs it. It belongs to no track.
SELECT c.id, c.user_id, NULL::uuid AS track_id, c.import_id, c.track_ids, c.size FROM cover_jobs c WHERE c.id = %(id)s
