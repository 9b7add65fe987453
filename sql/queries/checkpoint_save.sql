-- Where many attempts could be taken up again, each guarded by its token; how many were written.
SELECT sfa_checkpoint_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], %(ports)s::text[], %(ops)s::text[], %(datas)s::jsonb[]) AS written
