-- Keys that nobody needs, locked until the transaction ends.
SELECT key FROM sfa_objects_unused(%(keys)s, %(size)s) AS key
