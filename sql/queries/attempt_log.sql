-- What many attempts have said, in one statement, each guarded by its token.
SELECT sfa_log_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], %(words)s::text[])
