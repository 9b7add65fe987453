-- What has been in quarantine long enough.
SELECT key, bytes FROM quarantine WHERE until <= now() ORDER BY key LIMIT 100
