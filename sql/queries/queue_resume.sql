-- The queue's jobs are claimed again, at once, whoever had paused it: somebody, or its breaker.
UPDATE queues SET paused = false, paused_reason = NULL, breaker = 'closed', breaker_until = NULL, breaker_trips = 0, breaker_why = NULL, breaker_job = NULL
WHERE name = %(name)s RETURNING name
