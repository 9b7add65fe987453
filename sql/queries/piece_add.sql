-- Pieces of growing stems, from whoever holds the job's lease; one that is made again replaces itself.
INSERT INTO stem_pieces AS s (processing_job_id, track_id, number, first_frame, frames, sample_rate, stem_type, audio_key)
SELECT p.id, p.track_id, u.number, u.first, u.frames, u.rate, u.stem, u.key
FROM processing_jobs p JOIN leases l ON l.job_id = p.queue_job_id AND l.token = %(token)s,
     unnest(%(numbers)s::int[], %(firsts)s::bigint[], %(frames)s::int[], %(rates)s::int[], %(stems)s::text[], %(keys)s::text[])
         AS u (number, first, frames, rate, stem, key)
WHERE p.id = %(job)s
ON CONFLICT (processing_job_id, stem_type, number) DO UPDATE SET
    first_frame = excluded.first_frame, frames = excluded.frames, sample_rate = excluded.sample_rate, audio_key = excluded.audio_key
