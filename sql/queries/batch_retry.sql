-- What failed in the user's batch, or was refused, starts afresh; what was cancelled too, where that is wanted.
SELECT sfa_batch_retry(id, %(cancelled)s) AS jobs FROM batch_jobs WHERE id = %(id)s AND user_id = %(user_id)s
