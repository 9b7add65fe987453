-- The lease of a job that another worker loop than ours has set to 'doing'; NULL: somebody holds it.
SELECT sfa_lease_v1(%(job)s::bigint, %(worker)s::bigint, %(name)s::text, make_interval(secs => %(lease)s)) AS token
