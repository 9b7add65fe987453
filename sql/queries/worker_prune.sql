-- Other workers that have been silent for a day and hold nothing: their leases ran out long ago.
DELETE FROM procrastinate_workers p USING workers w
WHERE w.id = p.id AND p.id <> %(worker)s AND w.seen_at < now() - interval '1 day'
  AND NOT EXISTS (SELECT FROM leases l WHERE l.worker_id = w.id)
