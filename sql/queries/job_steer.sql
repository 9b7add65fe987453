-- Another time, priority or needs for a user's own waiting job, or what it follows (one more; NULL: nothing). No row:
-- there is no such job for this user.
SELECT j.id,
       CASE WHEN %(at_given)s::boolean THEN sfa_reschedule(j.id, %(at)s::timestamptz) END AS moved,
       CASE WHEN %(priority)s::integer IS NOT NULL THEN sfa_prioritise(j.id, %(priority)s::integer) END AS prioritised,
       CASE WHEN %(needs_given)s::boolean THEN sfa_need(j.id, %(needs)s::jsonb) END AS needed,
       CASE WHEN NOT %(after_given)s::boolean THEN NULL WHEN %(after)s::uuid IS NULL THEN sfa_unfollow(j.id)
            ELSE sfa_follow(j.id, %(after)s::uuid) END AS linked
FROM sfa_jobs j WHERE j.id = %(id)s AND j.user_id = %(user_id)s
