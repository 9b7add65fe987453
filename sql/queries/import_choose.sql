-- Tracks and downloads for what was chosen; NULL: everything that was found.
SELECT sfa_import_choose(%(id)s::uuid, %(positions)s::integer[]) AS enqueued
