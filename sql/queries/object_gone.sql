-- They are removed from the store.
DELETE FROM objects WHERE key = ANY (%(keys)s)
