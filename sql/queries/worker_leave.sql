-- A worker process ends in good order.
DELETE FROM procrastinate_workers WHERE id = %(worker)s
