-- What the separation says of itself (device, seconds, residual), and by which name it is found again.
UPDATE processing_jobs SET result = %(result)s, recipe = %(recipe)s WHERE id = %(id)s
