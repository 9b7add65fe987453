-- What happened to the worker's children, many at a time.
INSERT INTO port_events (worker, port, pid, event, detail)
SELECT %(worker)s, * FROM unnest(%(ports)s::text[], %(pids)s::integer[], %(events)s::text[], %(details)s::jsonb[])
