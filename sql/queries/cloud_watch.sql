-- See that the account's open tasks are checked.
SELECT sfa_cloud_watch(%(account)s::text, %(user_id)s::integer)
