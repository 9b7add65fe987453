-- Where a job could be taken up again: the last checkpoint that its child sent. Only the holder of the lease writes
-- one, and the next attempt's request carries it. A checkpoint that was handed out three times without a newer one
-- coming is not trusted any more: the attempts that start from it do not get anywhere.

CREATE TABLE checkpoints (
    job_id bigint PRIMARY KEY REFERENCES procrastinate_jobs ON DELETE CASCADE,
    -- The attempt that sent it.
    token uuid NOT NULL,
    port text NOT NULL,
    op text NOT NULL,
    data jsonb NOT NULL,
    handed smallint NOT NULL DEFAULT 0,
    at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT checkpoints_data_object CHECK (jsonb_typeof(data) = 'object')
);

-- Many jobs' checkpoints in one statement; how many were written: a stale token writes nothing.
CREATE FUNCTION sfa_checkpoint_v1(_jobs bigint[], _tokens uuid[], _ports text[], _ops text[], _datas jsonb[]) RETURNS bigint
LANGUAGE sql SET search_path FROM CURRENT AS $$
    WITH written AS (
        INSERT INTO checkpoints (job_id, token, port, op, data)
        SELECT u.job_id, u.token, u.port, u.op, u.data
        FROM unnest(_jobs, _tokens, _ports, _ops, _datas) AS u (job_id, token, port, op, data)
        JOIN leases l ON l.job_id = u.job_id AND l.token = u.token
        ON CONFLICT (job_id) DO UPDATE
        SET token = excluded.token, port = excluded.port, op = excluded.op, data = excluded.data, handed = 0, at = now()
        RETURNING 1
    )
    SELECT count(*) FROM written
$$;

-- What an attempt can start from, if there is anything. A job that was started afresh by hand (sfa_retry) starts from
-- the beginning, and so does one that asks another port or operation.
CREATE FUNCTION sfa_resume_v1(_job bigint, _token uuid, _port text, _op text) RETURNS jsonb
LANGUAGE sql SET search_path FROM CURRENT AS $$
    UPDATE checkpoints c SET handed = c.handed + 1
    FROM leases l
    WHERE c.job_id = _job AND c.port = _port AND c.op = _op AND c.handed < 3
      AND l.job_id = c.job_id AND l.token = _token
      -- The sender runs on, or its attempt has ended and counts.
      AND (c.token = l.token OR EXISTS (SELECT FROM attempts a WHERE a.job_id = c.job_id AND a.token = c.token AND a.counted))
    RETURNING c.data
$$;
