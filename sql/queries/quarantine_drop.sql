-- It is there no more.
DELETE FROM quarantine WHERE key = %(key)s
