"""The REST API under /api/v1: JSON, bearer tokens, problems, idempotency keys; the same statements as the pages."""
