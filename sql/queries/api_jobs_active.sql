-- A user's jobs that have not ended: what the stream of events begins with.
SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND finished_at IS NULL ORDER BY inserted_at DESC, id DESC LIMIT 500
