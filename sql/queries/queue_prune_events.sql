-- What children did a month ago, a limited batch.
DELETE FROM port_events WHERE id IN (SELECT id FROM port_events WHERE at < now() - interval '30 days' LIMIT 1000)
