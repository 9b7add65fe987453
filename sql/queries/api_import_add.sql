-- An import of an address; the trigger reads it.
INSERT INTO imports (user_id, address, choose, then_model, after, needs) VALUES (%(user_id)s, %(address)s, %(choose)s, %(then_model)s, %(after)s::uuid, %(needs)s::jsonb) RETURNING id
