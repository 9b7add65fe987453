-- Mark as read, up to an id (NULL: all).
SELECT sfa_read(%(user_id)s, %(until)s::bigint) AS marked
