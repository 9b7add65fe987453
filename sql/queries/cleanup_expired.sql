-- How many rows each rule would take: noted now, and over for good.
SELECT kind, count(*) FILTER (WHERE found_at IS NULL) AS noted, count(*) FILTER (WHERE goes_at <= now()) AS removed FROM sfa_expired GROUP BY kind ORDER BY kind
