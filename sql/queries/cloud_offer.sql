-- What the cloud offers a user for a track: whether there is a key, what it costs, what is left.
SELECT %(given)s OR EXISTS (SELECT FROM secrets WHERE name = %(secret)s AND (user_id = %(user_id)s OR user_id IS NULL)) AS key,
       sfa_cloud_price(%(track_id)s, 'separate')::float AS minutes, m.spent::float, m.allowed::float,
       (SELECT a.minutes_left::float FROM cloud_accounts a JOIN cloud_tasks t USING (account)
        WHERE t.user_id = %(user_id)s ORDER BY a.minutes_at DESC NULLS LAST LIMIT 1) AS left
FROM sfa_cloud_minutes(%(user_id)s) m
