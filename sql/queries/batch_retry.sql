-- What failed in the user's batch starts afresh.
SELECT sfa_batch_retry(id) AS jobs FROM batch_jobs WHERE id = %(id)s AND user_id = %(user_id)s
