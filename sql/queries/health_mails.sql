-- Mails that wait for another try, and those that failed within the last day.
SELECT count(*) FILTER (WHERE status IN ('waiting', 'retrying') AND inserted_at < now() - interval '10 minutes') AS stuck,
       count(*) FILTER (WHERE status = 'failed' AND finished_at > now() - interval '1 day') AS failed
FROM mails WHERE finished_at IS NULL OR finished_at > now() - interval '1 day'
