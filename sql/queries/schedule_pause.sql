-- A schedule rests, or goes on. No row: there is no such schedule.
UPDATE schedules SET paused = %(paused)s WHERE name = %(name)s RETURNING name
