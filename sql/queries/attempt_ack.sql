-- Complete many attempts at once; what comes back is what was held.
SELECT job_id, token FROM sfa_ack_v1(%(jobs)s::bigint[], %(tokens)s::uuid[], %(certificates)s::jsonb[])
