-- What a host has, told by a worker that starts there; what somebody has set stays.
INSERT INTO resources (host, name, capacity) SELECT %(host)s, * FROM unnest(%(names)s::text[], %(amounts)s::numeric[])
ON CONFLICT DO NOTHING
