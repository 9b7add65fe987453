-- An import as its worker needs it, with how often its source has asked for patience. It belongs to no track.
SELECT m.id, m.user_id, NULL::uuid AS track_id, m.kind, m.spotify_id, m.choose, m.next_offset, m.version, m.total,
       (SELECT count(*) FROM attempts a WHERE a.job_id = m.queue_job_id AND a.counted AND a.verdict = 'released' AND a.error IS NOT NULL) AS pauses
FROM imports m WHERE m.id = %(id)s
