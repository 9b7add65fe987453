-- A new user; no row: somebody has the address already.
INSERT INTO users (email, role) VALUES (%(email)s, %(role)s) ON CONFLICT (lower(email)) DO NOTHING RETURNING id
