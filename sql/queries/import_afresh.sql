-- The list is read from its beginning again; false: the lease is gone.
SELECT sfa_import_afresh_v1(%(job)s::bigint, %(token)s::uuid, %(id)s::uuid) AS held
