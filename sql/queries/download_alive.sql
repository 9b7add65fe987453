-- Whether a download may still run: what it keeps between its attempts is needed.
SELECT FROM download_jobs WHERE id = %(id)s AND finished_at IS NULL
