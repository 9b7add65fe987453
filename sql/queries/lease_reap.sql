-- Jobs whose worker stopped renewing run again; none where the database's clock is past "latest": it has jumped then, and
-- the leases have ended of those who are alive.
SELECT now() AS now, jumped, CASE WHEN %(reap)s::boolean AND NOT jumped THEN sfa_reap_v1(make_interval(secs => %(lease)s)) END AS lost
FROM (SELECT coalesce(now() > %(latest)s::timestamptz, false) AS jumped) clock
