-- A track whose audio is to be downloaded from an address.
INSERT INTO tracks (user_id, title, source)
VALUES (%(user_id)s, left(coalesce(nullif(substring(%(address)s FROM '([^/?#]+)/*(?:[?#].*)?$'), ''), %(address)s), 500), 'link')
RETURNING id
