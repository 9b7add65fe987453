-- A file that was moved into quarantine.
INSERT INTO quarantine (key, bytes, until) VALUES (%(key)s, %(bytes)s, now() + make_interval(days => %(days)s))
ON CONFLICT (key) DO UPDATE SET bytes = excluded.bytes, moved_at = now(), until = excluded.until
