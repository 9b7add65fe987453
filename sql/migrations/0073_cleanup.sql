-- Retention: what may be thrown away after a while, by kind and user; and files that no row knows. Nothing goes at once: a
-- row is first noted as expired and goes when its grace is over, a file is first moved into quarantine.

CREATE TABLE retention_rules (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- NULL: everybody's; a user's own rule comes before it.
    user_id integer REFERENCES users ON DELETE CASCADE,
    kind text NOT NULL,
    keep interval NOT NULL,
    grace interval NOT NULL DEFAULT '7 days',
    enabled boolean NOT NULL DEFAULT true,
    CONSTRAINT retention_rules_kind_known CHECK (kind IN ('exports', 'previews', 'separations', 'tracks', 'failures', 'imports', 'batches', 'notifications')),
    CONSTRAINT retention_rules_one_a_kind UNIQUE NULLS NOT DISTINCT (user_id, kind),
    CONSTRAINT retention_rules_keep CHECK (keep >= interval '1 hour' AND grace >= interval '0')
);
-- Nothing that anybody made or brought goes without a rule of his: only what can be made again, and news.
INSERT INTO retention_rules (kind, keep, grace) VALUES ('exports', '7 days', '1 day'), ('notifications', '90 days', '0');

-- What a rule has found. kept: somebody wants it: no rule takes it.
CREATE TABLE expirations (
    kind text NOT NULL,
    row_id text NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    kept boolean NOT NULL DEFAULT false,
    PRIMARY KEY (kind, row_id)
);

CREATE TABLE quarantine (
    key text PRIMARY KEY,
    bytes bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT now(),
    until timestamptz NOT NULL
);

-- One row a run. dry_run: it only looked. rules: rows by kind; orphans: files that no row knows; missing: keys that rows
-- name and the store has not, with who names them.
CREATE TABLE cleanup_reports (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dry_run boolean NOT NULL,
    report jsonb NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now()
);

-- Every row that a rule may ever take, whose it is and since when its time runs. Never the newest separation of a track,
-- never what still waits or runs.
CREATE VIEW sfa_retained (kind, row_id, user_id, title, since) AS
    SELECT 'exports', p.id::text, p.user_id, t.title, p.finished_at FROM processing_jobs p JOIN tracks t ON t.id = p.track_id
    WHERE p.operation = 'export' AND p.finished_at IS NOT NULL
    UNION ALL
    SELECT 'previews', p.id::text, p.user_id, t.title, p.finished_at FROM processing_jobs p JOIN tracks t ON t.id = p.track_id
    WHERE p.preview AND p.status = 'completed'
    UNION ALL
    SELECT 'separations', p.id::text, p.user_id, t.title, p.finished_at FROM processing_jobs p JOIN tracks t ON t.id = p.track_id
    WHERE p.operation <> 'export' AND NOT p.preview AND p.status = 'completed'
      AND EXISTS (SELECT FROM processing_jobs n WHERE n.track_id = p.track_id AND n.operation <> 'export' AND NOT n.preview
                  AND n.status = 'completed' AND (n.finished_at, n.id) > (p.finished_at, p.id))
    UNION ALL
    SELECT 'failures', j.id::text, j.user_id, j.kind, j.finished_at FROM sfa_jobs j
    WHERE j.status IN ('failed', 'cancelled') AND j.track_id IS NOT NULL
    UNION ALL
    SELECT 'tracks', t.id::text, t.user_id, t.title, greatest(t.updated_at, (SELECT max(finished_at) FROM processing_jobs p WHERE p.track_id = t.id))
    FROM tracks t WHERE NOT EXISTS (SELECT FROM sfa_jobs j WHERE j.track_id = t.id AND j.finished_at IS NULL)
    UNION ALL
    SELECT 'imports', i.id::text, i.user_id, coalesce(i.title, i.address), i.finished_at FROM imports i WHERE i.finished_at IS NOT NULL
    UNION ALL
    SELECT 'batches', b.id::text, b.user_id, coalesce(b.title, b.operation), b.finished_at FROM sfa_batches b WHERE b.status <> 'running'
    UNION ALL
    SELECT 'notifications', n.id::text, n.user_id, n.title, n.inserted_at FROM notifications n;

-- Every row that a rule says is over, with when it goes for good (NULL: it was not noted yet).
CREATE VIEW sfa_expired AS
    SELECT r.kind, r.row_id, r.user_id, r.title, r.since, e.found_at, e.found_at + rule.grace AS goes_at, rule.keep
    FROM retention_rules rule
    JOIN sfa_retained r ON r.kind = rule.kind AND r.since < now() - rule.keep AND (rule.user_id = r.user_id OR rule.user_id IS NULL AND NOT EXISTS (
        SELECT FROM retention_rules own WHERE own.user_id = r.user_id AND own.kind = r.kind))
    LEFT JOIN expirations e ON e.kind = r.kind AND e.row_id = r.row_id
    WHERE rule.enabled AND e.kept IS NOT TRUE;

-- Keep a row whatever the rules say (false: let them have it again).
CREATE FUNCTION sfa_keep(_kind text, _row text, _keep boolean DEFAULT true) RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $$
    INSERT INTO expirations (kind, row_id, kept) VALUES (_kind, _row, _keep)
    ON CONFLICT (kind, row_id) DO UPDATE SET kept = excluded.kept, found_at = now()
$$;

-- Note what has expired, and remove what was noted before and whose grace is over; by kind: noted and removed.
CREATE FUNCTION sfa_expire_v1() RETURNS TABLE (kind text, noted bigint, removed bigint) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
#variable_conflict use_column
DECLARE
    which record;
    ids text[];
BEGIN
    -- What is younger again (a track that was touched), or gone, is not noted any more.
    DELETE FROM expirations e WHERE NOT kept AND NOT EXISTS (SELECT FROM sfa_expired x WHERE x.kind = e.kind AND x.row_id = e.row_id);
    FOR which IN SELECT DISTINCT r.kind FROM retention_rules r WHERE enabled ORDER BY r.kind LOOP
        kind := which.kind;
        WITH fresh AS (
            INSERT INTO expirations (kind, row_id) SELECT x.kind, x.row_id FROM sfa_expired x WHERE x.kind = which.kind AND x.found_at IS NULL
            ON CONFLICT DO NOTHING RETURNING 1)
        SELECT count(*) INTO noted FROM fresh;
        ids := ARRAY(SELECT x.row_id FROM sfa_expired x WHERE x.kind = which.kind AND x.goes_at <= now() ORDER BY x.row_id);
        removed := cardinality(ids);
        CASE which.kind
            WHEN 'exports', 'previews', 'separations' THEN DELETE FROM processing_jobs WHERE id = ANY (ids::uuid[]) AND finished_at IS NOT NULL;
            WHEN 'failures' THEN
                DELETE FROM processing_jobs WHERE id = ANY (ids::uuid[]) AND status IN ('failed', 'cancelled');
                DELETE FROM analysis_jobs WHERE id = ANY (ids::uuid[]) AND status IN ('failed', 'cancelled');
                DELETE FROM download_jobs WHERE id = ANY (ids::uuid[]) AND status IN ('failed', 'cancelled');
            WHEN 'tracks' THEN DELETE FROM tracks WHERE id = ANY (ids::uuid[]);
            WHEN 'imports' THEN DELETE FROM imports WHERE id = ANY (ids::uuid[]) AND finished_at IS NOT NULL;
            WHEN 'batches' THEN DELETE FROM batch_jobs WHERE id = ANY (ids::uuid[]);
            WHEN 'notifications' THEN DELETE FROM notifications WHERE id = ANY (ids::bigint[]);
        END CASE;
        DELETE FROM expirations e WHERE e.kind = which.kind AND e.row_id = ANY (ids);
        RETURN NEXT;
    END LOOP;
END $$;

-- Which of these keys no row knows; the store's own are not asked for.
CREATE FUNCTION sfa_unknown_keys(_keys text[]) RETURNS SETOF text LANGUAGE sql STABLE SET search_path FROM CURRENT AS $$
    SELECT k FROM unnest(_keys) k WHERE NOT EXISTS (SELECT FROM objects o WHERE o.key = k)
$$;

-- Who needs a key, in words.
CREATE VIEW sfa_needed_keys AS
    SELECT audio_key AS key, 'track' AS what, id AS row_id, title FROM tracks WHERE audio_key IS NOT NULL
    UNION ALL SELECT s.audio_key, 'stem', s.id, t.title || ': ' || s.stem_type FROM stems s JOIN tracks t ON t.id = s.track_id
    UNION ALL SELECT audio_key, 'export', id, file_name FROM exports;

INSERT INTO schedules (name, cron, task_name, args) VALUES ('cleanup', '40 4 * * *', 'cleanup', '{"dry_run": false}');

-- The page shows a rule, a report, and what lies in quarantine, as soon as they change.
CREATE FUNCTION sfa_notify_storage() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_notify('sfa_changed', 'storage');
    RETURN NULL;
END $$;
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE OR DELETE ON retention_rules FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_storage();
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE OR DELETE ON expirations FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_storage();
CREATE TRIGGER sfa_notify_pages AFTER INSERT OR UPDATE OR DELETE ON quarantine FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_storage();
CREATE TRIGGER sfa_notify_pages AFTER INSERT ON cleanup_reports FOR EACH STATEMENT EXECUTE FUNCTION sfa_notify_storage();
