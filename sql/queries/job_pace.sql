-- What ended in each five minutes of the last hour, the oldest first; of very many the newest 10,000 count.
SELECT n AS minutes, count(e.listed_as) FILTER (WHERE e.listed_as = 'completed') AS completed, count(e.listed_as) FILTER (WHERE e.listed_as = 'failed') AS failed
FROM generate_series(55, 0, -5) n
LEFT JOIN (
    SELECT listed_as, floor(extract(epoch FROM now() - finished_at) / 300)::integer * 5 AS bucket FROM (
        SELECT listed_as, finished_at FROM sfa_jobs
        WHERE user_id = %(user_id)s AND finished_at > now() - interval '1 hour' LIMIT 10000) ended) e ON e.bucket = n
GROUP BY n ORDER BY n DESC
