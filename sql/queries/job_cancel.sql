-- Cancels a user's own job. No row: there is no such job for this user.
SELECT j.track_id, sfa_cancel(j.id) AS done FROM sfa_jobs j WHERE j.id = %(id)s AND j.user_id = %(user_id)s
