-- The attempts of one job, oldest first, each with its certificate. The newest 100 of them.
SELECT *, extract(epoch FROM coalesce(ended_at, clock_timestamp()) - started_at)::float8 AS elapsed
FROM (SELECT number, worker, started_at, ended_at, verdict, error, error_kind, certificate, lease_until
      FROM sfa_attempts WHERE queue_job_id = %(queue_job_id)s ORDER BY id DESC LIMIT 100) newest
ORDER BY number
