-- Scheduled jobs whose time has come, schedules that are due, and seconds to the next of either.
SELECT sfa_promote_v1() AS promoted, sfa_tick_v1() AS ticked,
       (SELECT extract(epoch FROM least(
            (SELECT min(scheduled_at) FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NOT NULL),
            (SELECT min(next_run) FROM schedules)) - now())::float) AS next_in
