-- Mails that ended a month ago, with their texts.
DELETE FROM mails WHERE id IN (SELECT id FROM mails WHERE finished_at < now() - interval '30 days' LIMIT 1000)
