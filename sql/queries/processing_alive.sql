-- Whether a separation may still run: what it keeps between its attempts is needed.
SELECT FROM processing_jobs WHERE id = %(id)s AND finished_at IS NULL
