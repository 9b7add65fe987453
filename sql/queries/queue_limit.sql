-- How many of the queue's jobs a worker runs at a time, and all of them together (NULL: no limit).
UPDATE queues SET concurrency = %(concurrency)s,
    global_concurrency = CASE WHEN %(everywhere_given)s::boolean THEN %(everywhere)s::integer ELSE global_concurrency END
WHERE name = %(name)s RETURNING name
