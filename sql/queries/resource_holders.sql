-- Each resource, how much of it is held, and by which jobs: a line a holder (a hundred of each at most), one without where there is none.
SELECT r.host, r.name, r.capacity, r.used, r.waiting, h.job, h.kind, h.amount, h.since, j.user_id
FROM sfa_resources r
LEFT JOIN LATERAL (
    SELECT * FROM sfa_holdings h WHERE (h.host, h.name) = (r.host, r.name) ORDER BY h.since, h.queue_job_id LIMIT 100) h ON true
LEFT JOIN LATERAL (SELECT user_id FROM sfa_jobs WHERE queue_job_id = h.queue_job_id LIMIT 1) j ON true
ORDER BY r.host, r.name, h.since, h.queue_job_id
