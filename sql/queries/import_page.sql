-- One page of an import's list; false: the lease is gone.
SELECT sfa_import_page_v1(%(job)s::bigint, %(token)s::uuid, %(id)s::uuid, %(title)s::text, %(artist)s::text, %(total)s::integer,
    %(notice)s::text, %(next)s::integer, %(items)s::jsonb, %(version)s::text) AS held
