-- What a run found and did; administrators hear of what was removed or is missing.
WITH r AS (INSERT INTO cleanup_reports (dry_run, report) VALUES (%(dry_run)s, %(report)s::jsonb) RETURNING id)
SELECT r.id, (SELECT count(sfa_tell(u.id, 'cleanup:' || r.id, 'cleanup', %(title)s::text, %(body)s::text, '/settings')) FROM users u
              WHERE %(title)s::text IS NOT NULL AND u.role = 'admin' AND u.status = 'active') AS told FROM r
