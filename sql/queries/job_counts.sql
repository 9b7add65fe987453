-- How many jobs a user has in each state; a count stops at 1,000. The order makes it walk the index of states.
SELECT s.status, c.n
FROM unnest(enum_range(NULL::job_status)) WITH ORDINALITY AS s (status, place)
CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM (SELECT FROM sfa_jobs WHERE user_id = %(user_id)s AND status = s.status
                                 ORDER BY inserted_at DESC, id DESC LIMIT 1000) capped) c
ORDER BY s.place
