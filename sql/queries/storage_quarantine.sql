-- What lies in quarantine, what goes first first, with how much it is in all.
SELECT key, bytes, until, count(*) OVER () AS files, sum(bytes) OVER () AS all_bytes FROM quarantine ORDER BY until, key LIMIT %(size)s
