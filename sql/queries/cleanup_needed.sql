-- Every key that a row names, in pages by key.
SELECT DISTINCT ON (key) key, what, row_id::text, title FROM sfa_needed_keys WHERE key > %(after)s ORDER BY key LIMIT %(size)s
