-- What is older than a year, a limited batch.
DELETE FROM audit_log WHERE id IN (SELECT id FROM audit_log WHERE at < now() - interval '13 months' ORDER BY at LIMIT 1000)
