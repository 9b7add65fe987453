-- What has not ended in the user's batch is cancelled.
SELECT sfa_batch_cancel(id) AS jobs FROM batch_jobs WHERE id = %(id)s AND user_id = %(user_id)s
