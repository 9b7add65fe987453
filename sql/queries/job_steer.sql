-- Another time or another priority for a user's own waiting job. No row: there is no such job for this user.
SELECT j.id,
       CASE WHEN %(at_given)s::boolean THEN sfa_reschedule(j.id, %(at)s::timestamptz) END AS moved,
       CASE WHEN %(priority)s::integer IS NOT NULL THEN sfa_prioritise(j.id, %(priority)s::integer) END AS prioritised
FROM sfa_jobs j WHERE j.id = %(id)s AND j.user_id = %(user_id)s
