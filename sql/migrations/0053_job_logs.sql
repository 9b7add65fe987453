-- What a job says while it runs: its stages and what its child writes to stderr, the last 16,000 characters of it. Written
-- about once a second, by whoever holds the lease; read by the job's page, which hears of it on the topic log:<id>.

CREATE TABLE job_logs (
    job_id bigint PRIMARY KEY,
    token uuid NOT NULL,
    words text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
CREATE INDEX job_logs_seen_at_idx ON job_logs (seen_at);

CREATE FUNCTION sfa_log_v1(_jobs bigint[], _tokens uuid[], _words text[]) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH said AS (
        SELECT u.job_id, u.token, u.words, j.args ->> 'job_id' AS id
        FROM unnest(_jobs, _tokens, _words) AS u (job_id, token, words)
        JOIN leases l ON l.job_id = u.job_id AND l.token = u.token
        JOIN procrastinate_jobs j ON j.id = u.job_id
    ), written AS (
        INSERT INTO job_logs AS g (job_id, token, words) SELECT job_id, token, right(words, 16000) FROM said
        ON CONFLICT (job_id) DO UPDATE SET token = excluded.token, seen_at = now(),
            words = right(CASE WHEN g.token = excluded.token THEN g.words ELSE '' END || excluded.words, 16000)
        RETURNING job_id
    )
    SELECT pg_notify('sfa_changed', 'log:' || s.id) FROM said s JOIN written w USING (job_id)
$$;
