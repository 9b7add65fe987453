-- Which of an import's items failed on the way and could be tried again.
SELECT i.position FROM sfa_import_items i JOIN imports m ON m.id = i.import_id
WHERE i.import_id = %(id)s AND m.user_id = %(user_id)s AND i.status IN ('failed', 'cancelled') AND i.download_job_id IS NOT NULL
