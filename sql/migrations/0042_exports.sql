-- An export is a job of its own kind, in the table of the separations, on the queue `default`: it takes seconds, and
-- must not stand behind separations that take minutes.

INSERT INTO job_kinds (task_name, queue_name, domain_table, arguments, max_attempts) VALUES
    ('export', 'default', 'processing_jobs', '{track_id,options,needs,after}', 2);

-- Fills in what the separation that is named in options.of says: track, model; and refuses what can't be made of it.
CREATE FUNCTION sfa_export_fill(_job processing_jobs) RETURNS processing_jobs LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    source processing_jobs;
    made text[];
BEGIN
    SELECT j.* INTO source FROM processing_jobs j
    WHERE j.id::text = _job.options ->> 'of' AND j.track_id = coalesce(_job.track_id, j.track_id);
    SELECT array_agg(s.stem_type || CASE s.label WHEN '' THEN '' ELSE ':' || s.label END) INTO made FROM stems s WHERE s.processing_job_id = source.id;
    IF made IS NULL THEN
        PERFORM sfa_refuse('processing_jobs_export_of', 'options.of must be the id of a separation of this track that has its stems',
            'SELECT processing_job_id FROM stems names them.');
    END IF;
    _job.operation := 'export';
    _job.task_name := 'export';
    _job.track_id := source.track_id;
    _job.user_id := source.user_id;
    _job.model := source.model;
    IF _job.options ? 'gains' AND coalesce(_job.options ->> 'package', 'mix') <> 'mix' THEN
        PERFORM sfa_refuse('processing_jobs_gains_of_mix', 'options.gains are a mix''s: leave out options.package, or make it "mix"');
    END IF;
    IF EXISTS (SELECT FROM jsonb_each(CASE jsonb_typeof(_job.options -> 'gains') WHEN 'object' THEN _job.options -> 'gains' ELSE '{}' END) g
               WHERE g.key <> ALL (made)
                  OR NOT CASE WHEN jsonb_typeof(g.value) = 'number' THEN (g.value #>> '{}')::numeric BETWEEN -60 AND 12 ELSE false END) THEN
        PERFORM sfa_refuse('processing_jobs_gains_of_stems', 'options.gains gives stems of the separation gains of -60 to 12 dB',
            'Its stems: ' || array_to_string(made, ', ') || '. A stem without a gain is left out of the mix.');
    END IF;
    IF _job.options ->> 'package' = 'stem.mp4' AND NOT made @> '{drums,bass,other,vocals}' THEN
        PERFORM sfa_refuse('processing_jobs_export_four', 'a .stem.mp4 holds drums, bass, other and vocals: this separation lacks some');
    END IF;
    RETURN _job;
END $$;
