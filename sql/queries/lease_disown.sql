-- What is leased to this worker and does not run there goes back and uses up nothing: the answer to its claim got lost.
SELECT sfa_disown_v1(%(worker)s::bigint, %(tokens)s::uuid[]) AS jobs
