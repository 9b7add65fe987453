-- What supervisord's programs of each host do, and how often they ended within its window.
SELECT host, name, state, restarts, rss FROM programs WHERE seen_at > now() - interval '2 minutes' ORDER BY host, name
