-- What was done in each of the last thirty minutes that are reckoned, by queue: `slot` 0 is the earliest of them.
SELECT s.queue_name, 29 - (extract(epoch FROM last.minute - s.minute) / 60)::int AS slot, s.completed, s.failed + s.lost AS failed, last.minute AS upto
FROM (SELECT max(minute) AS minute FROM queue_statistics) last
JOIN queue_statistics s ON s.minute > last.minute - interval '30 minutes'
WHERE last.minute > now() - interval '1 hour'
ORDER BY s.queue_name, s.minute
