-- How many jobs a user has in each state; a count stops at 1,000. The order makes it walk the index of states; what runs is
-- found by its queue row.
SELECT s.status, CASE s.status
    WHEN 'running' THEN (
        SELECT count(*) FROM (SELECT FROM sfa_jobs WHERE user_id = %(user_id)s AND status = 'running'
                                AND queue_job_id = ANY (ARRAY(SELECT id FROM procrastinate_jobs WHERE status = 'doing')) LIMIT 1000) capped)
    ELSE (
        SELECT count(*) FROM (SELECT FROM sfa_jobs WHERE user_id = %(user_id)s AND listed_as = s.status AND status <> 'running'
                                ORDER BY inserted_at DESC, id DESC LIMIT 1000) capped) END AS n
FROM unnest(enum_range(NULL::job_status)) WITH ORDINALITY AS s (status, place)
ORDER BY s.place
