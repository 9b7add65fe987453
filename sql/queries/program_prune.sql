-- Programs of hosts that have said nothing for a day: the host is gone, or has another name.
DELETE FROM programs WHERE seen_at < now() - interval '1 day'
