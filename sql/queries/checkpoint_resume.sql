-- What an attempt starts from, if an earlier one left a checkpoint; handing it out is counted.
SELECT sfa_resume_v1(%(job)s::bigint, %(token)s::uuid, %(port)s::text, %(op)s::text) AS data
