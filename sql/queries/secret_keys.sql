-- Which keys are in use, and by how many secrets.
SELECT key_id, count(*) AS secrets FROM secrets GROUP BY key_id ORDER BY key_id
