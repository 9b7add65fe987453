-- What went wrong with processes three months ago, a limited batch.
DELETE FROM incidents WHERE id IN (SELECT id FROM incidents WHERE at < now() - interval '90 days' LIMIT 1000)
