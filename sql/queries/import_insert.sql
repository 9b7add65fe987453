-- An import of an address; a second one while the first runs is the first. Where nobody says, of a list one chooses.
WITH made AS (
    INSERT INTO imports (address, user_id, choose, then_model) VALUES (%(address)s, %(user_id)s, coalesce(%(choose)s::boolean, (sfa_spotify_address(%(address)s))[1] <> 'track', true), %(model)s)
    ON CONFLICT (user_id, spotify_id) WHERE finished_at IS NULL DO NOTHING
    RETURNING id
)
SELECT id, true AS fresh FROM made
UNION ALL
SELECT id, false FROM imports
WHERE user_id = %(user_id)s AND spotify_id = (sfa_spotify_address(%(address)s))[2] AND finished_at IS NULL
LIMIT 1
