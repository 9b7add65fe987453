-- What has ever been attempted, as counters that only grow: attempts are forgotten with their jobs, these are not. They
-- are brought up to date when they are asked for and before anything is pruned, never by the attempts themselves.

-- bucket: the first of the bounds below that the attempt's seconds do not pass; 10 of them: none.
CREATE TABLE attempt_totals (
    kind text NOT NULL,
    verdict attempt_verdict NOT NULL,
    bucket smallint NOT NULL,
    attempts bigint NOT NULL,
    seconds double precision NOT NULL,
    PRIMARY KEY (kind, verdict, bucket)
);
-- Up to which attempt they count. One row.
CREATE TABLE attempt_mark (one boolean PRIMARY KEY DEFAULT true CHECK (one), attempt bigint NOT NULL);
INSERT INTO attempt_mark (attempt) VALUES (0);

CREATE FUNCTION sfa_attempt_bucket(_started timestamptz, _ended timestamptz) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT least(width_bucket(extract(epoch FROM _ended - _started)::float8 - 1e-9,
        '{0.1,0.5,1,5,15,60,300,900,3600,14400}'::float8[]), 10)::smallint
$$;

-- Counts what ended at least a minute ago: younger ids may still be missing, because their transactions are under way.
-- Limit: an attempt whose transaction takes longer than that may be left out.
CREATE FUNCTION sfa_attempt_roll() RETURNS void LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    since bigint;
    upto bigint;
BEGIN
    SELECT attempt INTO since FROM attempt_mark FOR UPDATE;
    SELECT coalesce(min(id) FILTER (WHERE ended_at >= now() - interval '1 minute') - 1, max(id)) INTO upto FROM attempts WHERE id > since;
    IF upto IS NULL OR upto <= since THEN
        RETURN;
    END IF;
    INSERT INTO attempt_totals AS t (kind, verdict, bucket, attempts, seconds)
    SELECT j.task_name, a.verdict, sfa_attempt_bucket(a.started_at, a.ended_at), count(*),
           sum(extract(epoch FROM a.ended_at - a.started_at))
    FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id
    WHERE a.id > since AND a.id <= upto
    GROUP BY 1, 2, 3
    ON CONFLICT (kind, verdict, bucket) DO UPDATE SET attempts = t.attempts + excluded.attempts, seconds = t.seconds + excluded.seconds;
    UPDATE attempt_mark SET attempt = upto;
END $$;

-- The counters as of now.
CREATE VIEW sfa_attempt_totals AS
    SELECT kind, verdict, bucket, sum(attempts)::bigint AS attempts, sum(seconds) AS seconds
    FROM (
        SELECT kind, verdict, bucket, attempts, seconds FROM attempt_totals
        UNION ALL
        SELECT j.task_name, a.verdict, sfa_attempt_bucket(a.started_at, a.ended_at), 1, extract(epoch FROM a.ended_at - a.started_at)
        FROM attempts a JOIN procrastinate_jobs j ON j.id = a.job_id WHERE a.id > (SELECT attempt FROM attempt_mark)
    ) t
    GROUP BY kind, verdict, bucket;
