-- Until the transaction ends: no key is retired (shared), or no secret is written (exclusive).
SELECT CASE WHEN %(exclusive)s THEN pg_advisory_xact_lock(x'5fae'::int) ELSE pg_advisory_xact_lock_shared(x'5fae'::int) END
