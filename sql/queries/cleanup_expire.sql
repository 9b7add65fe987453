-- Note what has expired, remove what is over.
SELECT kind, noted, removed FROM sfa_expire_v1()
