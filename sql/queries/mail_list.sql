-- The newest mails.
SELECT id, recipient, subject, kept, status, error, attempt, inserted_at, finished_at FROM mails
ORDER BY inserted_at DESC, id DESC LIMIT %(size)s
