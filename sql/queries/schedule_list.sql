-- Every schedule, the next one first; the paused ones last.
SELECT s.name, s.cron, s.time_zone, s.task, s.queue, s.args, s.paused, s.next_run, s.last_run, s.last_status, s.skipped, s.last_error
FROM sfa_schedules s ORDER BY s.paused, s.next_run, s.name
