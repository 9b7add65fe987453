-- Which of these keys no row knows.
SELECT sfa_unknown_keys(%(keys)s::text[]) AS key
