-- The certificate of an attempt that was lost with its whole worker: nobody was there to see its child die, so whoever rescues the job writes
-- down what was known last. The lease is still there when this is asked.
CREATE FUNCTION sfa_lost_certificate(_job bigint, _token uuid, _why text) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'why', _why, 'ended_by', 'worker lost', 'port', c.port, 'device', c.device, 'pid', c.pid, 'calls', c.calls,
        'last_rss', nullif(c.rss, 0), 'last_percent', j.progress, 'last_stage', j.stage, 'last_seen', w.seen_at))
    FROM leases l
    LEFT JOIN workers w ON w.id = l.worker_id
    LEFT JOIN LATERAL (
        SELECT * FROM port_children c WHERE c.worker_id = l.worker_id AND c.queue_job_id = l.job_id LIMIT 1) c ON true
    LEFT JOIN LATERAL (SELECT progress, stage FROM sfa_jobs j WHERE j.queue_job_id = l.job_id LIMIT 1) j ON true
    WHERE l.job_id = _job AND l.token = _token
$$;
