-- What the pages read, made quick: a list by state, what ended lately, and news of the queues and the ports.

DO $$
DECLARE
    t text;
BEGIN
    FOREACH t IN ARRAY '{download_jobs,processing_jobs,analysis_jobs}'::text[] LOOP
        -- A page of one state, and counts of it (capped), without reading the other million: what runs is found by its queue row.
        EXECUTE format('CREATE INDEX %I ON %I (user_id, listed_as, inserted_at DESC, id DESC)', t || '_state_idx', t);
        -- How many ended in the last hour, and how.
        EXECUTE format('CREATE INDEX %I ON %I (user_id, finished_at DESC) INCLUDE (listed_as) WHERE finished_at IS NOT NULL', t || '_finished_idx', t);
    END LOOP;
END $$;

-- Pages that show queues or ports wake by these; the payload is the topic alone.
CREATE FUNCTION sfa_notify_topic() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sfa_changed', TG_ARGV[0]);
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE OR DELETE ON queues
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_topic('queues');
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR DELETE ON workers
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_topic('queues');
CREATE TRIGGER sfa_notify_pages AFTER INSERT ON port_events
    FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_topic('ports');
