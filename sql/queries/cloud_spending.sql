-- What lalal.ai may cost a user this month: whether there is a key of his own or the installation's, minutes spent and allowed, his own limit, what his licence has left.
SELECT EXISTS (SELECT FROM secrets WHERE name = %(secret)s AND user_id = %(user_id)s) AS own,
       %(given)s OR EXISTS (SELECT FROM secrets WHERE name = %(secret)s AND user_id IS NULL) AS shared,
       m.spent::float, m.allowed::float,
       (SELECT minutes_per_month::float FROM cloud_own_limits WHERE user_id = %(user_id)s) AS own_limit,
       coalesce((SELECT minutes_left::float FROM cloud_accounts WHERE account = %(account)s), (SELECT a.minutes_left::float FROM cloud_accounts a JOIN cloud_tasks t USING (account)
        WHERE t.user_id = %(user_id)s ORDER BY a.minutes_at DESC NULLS LAST LIMIT 1)) AS left
FROM sfa_cloud_minutes(%(user_id)s) m
