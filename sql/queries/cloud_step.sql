-- The next step of a cloud job, written before it is taken; false: the lease is gone.
SELECT sfa_cloud_step_v1(%(job)s::bigint, %(token)s::uuid, %(id)s::uuid, %(account)s::text, %(source)s::uuid, %(minutes)s::numeric,
    %(asked)s::boolean, %(task)s::uuid, %(fetched)s::jsonb) AS held
