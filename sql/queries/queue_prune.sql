-- Queue rows that ended long ago, a limited batch; the domain rows stay. Failed ones are kept longer: they can be sent again.
DELETE FROM procrastinate_jobs WHERE id IN (
    SELECT j.id FROM procrastinate_jobs j
    WHERE j.status IN ('succeeded', 'cancelled', 'aborted', 'failed')
      AND NOT EXISTS (SELECT FROM procrastinate_events e WHERE e.job_id = j.id
                      AND e.at > now() - CASE j.status WHEN 'failed' THEN interval '30 days' ELSE interval '7 days' END)
    LIMIT 1000)
