-- Nothing more is claimed from this queue; what runs goes on. No row: there is no such queue.
UPDATE queues SET paused = true, paused_reason = %(reason)s WHERE name = %(name)s RETURNING name
