-- Nobody is in as this user any more, nor comes in by what was handed out: sessions, API tokens, links that were not used.
WITH gone AS (DELETE FROM user_tokens WHERE user_id = %(user_id)s RETURNING context)
SELECT count(*) FILTER (WHERE context = 'session') AS sessions, count(*) FILTER (WHERE context = 'api') AS tokens FROM gone
