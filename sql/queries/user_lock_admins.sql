-- The administrators who may come in, held until the transaction ends, in one order for all: of two who demote each other
-- at once, the second waits here, and then finds himself alone.
SELECT id FROM users WHERE role = 'admin' AND status = 'active' ORDER BY id FOR NO KEY UPDATE
