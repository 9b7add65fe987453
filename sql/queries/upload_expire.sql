-- Uploads that nobody has gone on with for two days.
DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE seen_at < now() - interval '2 days' LIMIT 1000) RETURNING id
