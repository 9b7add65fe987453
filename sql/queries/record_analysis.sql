-- An analysis job with its track's audio and the stems that say most, as its worker needs it; and what there is already.
SELECT a.id, a.track_id, a.operation::text, a.tempo_min, a.tempo_max, t.audio_key, t.duration_ms, t.title,
       s.separation_id, s.stems,
       (SELECT tempo FROM analysis_results r WHERE r.track_id = t.id ORDER BY version DESC LIMIT 1) AS mix_tempo,
       NOT a.missing_only OR NOT EXISTS (
           SELECT FROM analysis_results r WHERE r.track_id = t.id AND r.version >= sfa_analysis_version()) AS needs_mix,
       s.stems IS NOT NULL AND (NOT a.missing_only OR NOT EXISTS (
           SELECT FROM stem_analyses d WHERE d.processing_job_id = s.separation_id AND d.version >= sfa_analysis_version())) AS needs_stems,
       array(SELECT DISTINCT key FROM (
           SELECT t.audio_key AS key UNION ALL
           SELECT audio_key FROM stems WHERE processing_job_id = s.separation_id) sounds
           WHERE key IS NOT NULL AND NOT EXISTS (SELECT FROM waveforms w WHERE w.audio_key = key) ORDER BY key) AS needs_waveforms
FROM analysis_jobs a JOIN tracks t ON t.id = a.track_id
LEFT JOIN LATERAL (
    SELECT processing_job_id AS separation_id, jsonb_object_agg(stem_type, audio_key) AS stems FROM stems
    WHERE processing_job_id = sfa_best_separation(t.id) AND stem_type IN ('drums', 'bass', 'other') AND label = ''
    GROUP BY processing_job_id) s ON true
WHERE a.id = %(id)s
