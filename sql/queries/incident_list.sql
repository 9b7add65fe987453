-- What went wrong with processes lately, newest first.
SELECT at, host, program, event, detail FROM incidents ORDER BY at DESC, id DESC LIMIT 20
