-- What ended in the last hour, and how; a count stops at 10,000.
SELECT count(*) FILTER (WHERE listed_as = 'completed') AS completed, count(*) FILTER (WHERE listed_as = 'failed') AS failed
FROM (SELECT listed_as FROM sfa_jobs WHERE user_id = %(user_id)s AND finished_at > now() - interval '1 hour' LIMIT 10000) ended
