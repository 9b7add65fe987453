-- The installation's own user: the one that `bin/sfa run` makes sign-in links for.
SELECT sfa_local_owner() AS id
