-- What was found of the files that were looked for; how many have gone since.
SELECT sfa_files_looked_v1(%(tracks)s::uuid[], %(keys)s::text[], %(missing)s::boolean[]) AS gone
