-- Minutes of a month ago, a limited batch.
DELETE FROM queue_statistics WHERE (queue_name, minute) IN (
    SELECT queue_name, minute FROM queue_statistics WHERE minute < now() - interval '30 days' ORDER BY minute LIMIT 1000)
