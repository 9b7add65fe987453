-- Workers seen dead on their own host give their jobs back at once.
SELECT sfa_bury_v1(%(workers)s::bigint[]) AS lost
