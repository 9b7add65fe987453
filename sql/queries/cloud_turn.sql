-- The tasks to ask for, if it is time; none: not yet.
SELECT sfa_cloud_turn(%(account)s::text) AS ids
