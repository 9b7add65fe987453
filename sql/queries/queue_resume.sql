-- The queue's jobs are claimed again, at once.
UPDATE queues SET paused = false, paused_reason = NULL WHERE name = %(name)s RETURNING name
