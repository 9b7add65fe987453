-- supervisord's programs of one host as they are now; those it does not know any more go.
WITH now_there AS (
    SELECT * FROM jsonb_to_recordset(%(programs)s::jsonb)
        AS p (name text, state text, pid integer, rss bigint, exit_code integer, signal text, restarts integer, starts_in double precision)
), gone AS (
    DELETE FROM programs WHERE host = %(host)s AND name NOT IN (SELECT name FROM now_there)
)
INSERT INTO programs (host, name, state, pid, rss, exit_code, signal, restarts, max_restarts, window_seconds, next_start_at)
SELECT %(host)s, name, state, pid, rss, exit_code, signal, restarts, %(max_restarts)s, %(window_seconds)s, now() + make_interval(secs => starts_in)
FROM now_there
ON CONFLICT (host, name) DO UPDATE SET
    since = CASE WHEN (programs.state, programs.pid) IS DISTINCT FROM (excluded.state, excluded.pid) THEN now() ELSE programs.since END,
    state = excluded.state, pid = excluded.pid, rss = excluded.rss, exit_code = excluded.exit_code, signal = excluded.signal, restarts = excluded.restarts,
    max_restarts = excluded.max_restarts, window_seconds = excluded.window_seconds, next_start_at = excluded.next_start_at, seen_at = now()
