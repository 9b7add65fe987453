-- Scheduled jobs whose time has come, and seconds to the next one's.
SELECT sfa_promote_v1() AS promoted,
       (SELECT extract(epoch FROM min(scheduled_at) - now())::float FROM procrastinate_jobs
        WHERE status = 'todo' AND scheduled_at IS NOT NULL) AS next_in
