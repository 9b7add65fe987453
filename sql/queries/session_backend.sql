-- Which server process answers: another than the one that the connection was told of stands behind a pooler.
SELECT pg_backend_pid()
