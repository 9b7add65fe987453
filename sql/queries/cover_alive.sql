-- Whether a job for covers may still run: what it keeps between its attempts is needed.
SELECT FROM cover_jobs WHERE id = %(id)s AND finished_at IS NULL
