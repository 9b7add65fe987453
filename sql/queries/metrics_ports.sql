-- The children that run, by port, device and state.
SELECT port, device, state, count(*) AS children, sum(rss)::bigint AS rss, sum(calls)::bigint AS calls
FROM port_children GROUP BY port, device, state ORDER BY port, device, state
