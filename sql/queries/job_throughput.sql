-- What ended in the last hour, and how; a count stops at 10,000.
SELECT count(*) FILTER (WHERE status = 'completed') AS completed, count(*) FILTER (WHERE status = 'failed') AS failed
FROM (SELECT status FROM sfa_jobs WHERE user_id = %(user_id)s AND finished_at > now() - interval '1 hour' LIMIT 10000) ended
