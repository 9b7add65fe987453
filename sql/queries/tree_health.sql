-- How many programs and children are up, and the programs that are not although nobody stopped them.
SELECT count(*) FILTER (WHERE kind = 'program') AS programs,
       count(*) FILTER (WHERE kind = 'program' AND state = 'running') AS up,
       count(*) FILTER (WHERE kind = 'child' AND state <> 'silent') AS children,
       count(*) FILTER (WHERE kind = 'child' AND state = 'busy') AS busy,
       coalesce(array_agg(name ORDER BY name) FILTER (WHERE kind = 'program' AND state IN ('fatal', 'backoff', 'silent', 'exited', 'unknown')
                                                      AND NOT (name = 'postgres' AND state = 'exited')), '{}') AS down
FROM sfa_tree
