-- Who did what, when, from where. Written by the program, read by administrators, changed by nobody.

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    -- The user as he was called then; NULL: somebody at the command line, or nobody who signed in.
    user_id integer,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL DEFAULT '',
    address text,
    detail jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_log_action_format CHECK (action ~ '^[a-z_]+\.[a-z_]+$'),
    CONSTRAINT audit_log_detail_object CHECK (jsonb_typeof(detail) = 'object')
);
CREATE INDEX audit_log_at_idx ON audit_log (at DESC, id DESC);
CREATE INDEX audit_log_user_idx ON audit_log (user_id, at DESC);

CREATE FUNCTION sfa_audit_guard() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    -- What is older than a year may go: housekeeping forgets it.
    IF TG_OP = 'DELETE' AND OLD.at < now() - interval '1 year' THEN
        RETURN OLD;
    END IF;
    PERFORM sfa_refuse('audit_log_append_only', 'what is in the audit log is neither changed nor removed');
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_audit_guard BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION sfa_audit_guard();
