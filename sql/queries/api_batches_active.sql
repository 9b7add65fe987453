-- A user's batches that go on, by their members that do: what the stream of events begins with, and what it told of before.
SELECT * FROM sfa_batches
WHERE user_id = %(user_id)s AND id IN (
    SELECT unnest(%(told)s::uuid[])
    UNION SELECT m.batch_id FROM processing_jobs j JOIN batch_members m ON m.job_id = j.id
          WHERE j.user_id = %(user_id)s AND j.in_batch AND j.status IN ('waiting', 'running', 'retrying')
    UNION SELECT m.batch_id FROM analysis_jobs j JOIN batch_members m ON m.job_id = j.id
          WHERE j.user_id = %(user_id)s AND j.in_batch AND j.status IN ('waiting', 'running', 'retrying'))
ORDER BY inserted_at DESC, id DESC LIMIT 500
