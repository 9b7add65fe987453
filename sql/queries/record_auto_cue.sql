-- An auto_cue job as its worker needs it: what there is to make cues of, or why there is nothing.
SELECT a.id, a.track_id, t.title, t.audio_key IS NOT NULL AS has_audio,
       EXISTS (SELECT FROM analysis_results r WHERE r.track_id = a.track_id) AS analysed,
       (SELECT j.error FROM analysis_jobs j WHERE j.track_id = a.track_id AND j.operation = 'analyze'
        ORDER BY j.inserted_at DESC LIMIT 1) AS error,
       (SELECT j.status::text FROM analysis_jobs j WHERE j.track_id = a.track_id AND j.operation = 'analyze'
        ORDER BY j.inserted_at DESC LIMIT 1) AS analysis
FROM analysis_jobs a JOIN tracks t ON t.id = a.track_id WHERE a.id = %(id)s
