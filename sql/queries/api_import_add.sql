-- An import of an address; the trigger reads it.
INSERT INTO imports (user_id, address, choose, then_model) VALUES (%(user_id)s, %(address)s, %(choose)s, %(then_model)s) RETURNING id
