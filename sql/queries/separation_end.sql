-- It is separated; who comes later links it.
DELETE FROM separations WHERE recipe = %(recipe)s AND token = %(token)s
