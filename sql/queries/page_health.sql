-- The queues at a glance, with the workers seen in the last half minute.
SELECT name, concurrency, paused, paused_reason, ready, scheduled, running, workers FROM sfa_queues ORDER BY name
