-- The last runs, newest first.
SELECT id, dry_run, report, inserted_at FROM cleanup_reports ORDER BY id DESC LIMIT %(size)s
