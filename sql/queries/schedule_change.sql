-- Another time for a schedule; its next run follows.
UPDATE schedules SET cron = %(cron)s, time_zone = %(time_zone)s WHERE name = %(name)s RETURNING name
