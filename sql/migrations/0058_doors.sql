-- Whose pages are open learns at once that they may not be any more: a user who was suspended, a session that was ended.

CREATE FUNCTION sfa_notify_doors() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_TABLE_NAME = 'users' THEN
        PERFORM pg_notify('sfa_changed', 'user:' || n.id) FROM new_rows n JOIN old_rows o USING (id)
        WHERE (n.status, n.role) IS DISTINCT FROM (o.status, o.role);
    ELSE
        PERFORM pg_notify('sfa_changed', 'user:' || user_id)
        FROM (SELECT DISTINCT user_id FROM old_rows WHERE context IN ('session', 'api') LIMIT 1000) t;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_doors AFTER UPDATE ON users
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_doors();
CREATE TRIGGER sfa_notify_doors AFTER DELETE ON user_tokens
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_doors();
