-- A schedule's job now, beside its ticks.
SELECT name, sfa_schedule_run(name) AS job FROM schedules WHERE name = %(name)s
