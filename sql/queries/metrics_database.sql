-- The database itself: its version, size, and how many connections it has of how many.
SELECT current_setting('server_version') AS version, pg_database_size(current_database())::bigint AS bytes,
       (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()) AS connections,
       current_setting('max_connections')::integer AS most_connections,
       extract(epoch FROM now() - pg_postmaster_start_time())::float8 AS up
