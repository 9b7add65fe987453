-- Queue rows that ended long ago, out of the next thousand; the domain rows stay. Failed ones are kept longer: they can be sent
-- again. By ids, and only as far as anything can be old enough: what ended lately is not looked at. `last`: where it stopped.
WITH page AS MATERIALIZED (
    SELECT id FROM procrastinate_jobs WHERE id > %(after)s AND id < sfa_jobs_since(now() - interval '7 days') ORDER BY id LIMIT 1000
), gone AS (
    DELETE FROM procrastinate_jobs j USING page p
    WHERE j.id = p.id AND j.status IN ('succeeded', 'cancelled', 'aborted', 'failed')
      AND coalesce((SELECT max(e.at) FROM procrastinate_events e WHERE e.job_id = j.id), '-infinity')
          <= now() - CASE j.status WHEN 'failed' THEN interval '30 days' ELSE interval '7 days' END
    RETURNING j.id
)
SELECT (SELECT count(*) FROM gone) AS pruned, (SELECT max(id) FROM page) AS last
