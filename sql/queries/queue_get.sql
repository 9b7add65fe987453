-- How many jobs of a queue one worker runs at a time, and whether it runs any.
SELECT name, concurrency, paused FROM queues WHERE name = %(queue)s
