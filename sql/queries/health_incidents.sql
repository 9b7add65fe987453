-- What went wrong with programs within the last day, newest first.
SELECT at, host, program, event FROM incidents WHERE at > now() - interval '1 day' ORDER BY at DESC, id DESC LIMIT 20
