-- Why children were removed within the last hour.
SELECT port, coalesce(detail ->> 'reason', 'unknown') AS reason, count(*) AS children
FROM port_events WHERE event = 'removed' AND at > now() - interval '1 hour' GROUP BY port, reason ORDER BY port, reason
