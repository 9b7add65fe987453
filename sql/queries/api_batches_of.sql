-- Which of these batches are the user's, as they are now: what the stream of events tells.
SELECT * FROM sfa_batches WHERE user_id = %(user_id)s AND id = ANY (%(batches)s::uuid[]) ORDER BY inserted_at DESC, id DESC
