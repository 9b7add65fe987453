-- The rows that name the keys are written, or never will be.
DELETE FROM object_pins WHERE token = %(token)s
