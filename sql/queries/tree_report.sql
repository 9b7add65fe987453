-- What a worker says of its own supervisors and children, all at once.
SELECT sfa_report_v1(%(worker)s::bigint, %(supervisors)s::jsonb, %(children)s::jsonb, %(changed)s::boolean)
