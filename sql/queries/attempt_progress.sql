-- Progress of many attempts in one statement, each guarded by its token.
SELECT sfa_progress_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], %(percents)s::real[], %(stages)s::text[])
