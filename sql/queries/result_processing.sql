-- What the separation says of itself: device, seconds, residual.
UPDATE processing_jobs SET result = %(result)s WHERE id = %(id)s
