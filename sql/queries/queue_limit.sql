-- How many of the queue's jobs a worker runs at a time.
UPDATE queues SET concurrency = %(concurrency)s WHERE name = %(name)s RETURNING name
