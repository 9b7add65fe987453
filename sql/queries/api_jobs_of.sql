-- A user's jobs of some tracks that changed lately: what the stream of events tells.
SELECT * FROM sfa_jobs WHERE user_id = %(user_id)s AND track_id = ANY (%(tracks)s::uuid[]) ORDER BY inserted_at DESC, id DESC LIMIT 500
