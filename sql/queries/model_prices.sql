-- What a track costs with every model, where something like it was measured: its quickest host.
SELECT m.name, p.seconds, p.memory_bytes, p.disk_bytes, p.measured
FROM models m, LATERAL (SELECT * FROM sfa_estimate(%(track_id)s, m.name) LIMIT 1) p
WHERE p.seconds IS NOT NULL
