-- Answers that nobody asks for again, a limited batch.
DELETE FROM api_requests WHERE (user_id, key) IN (
    SELECT user_id, key FROM api_requests WHERE inserted_at < now() - interval '1 day' LIMIT 1000)
