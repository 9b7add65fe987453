-- Secrets of users and of the installation (user_id NULL): API keys, OAuth tokens, passwords of services. Only ever
-- written by sfa/vault.py, encrypted with a key that lies outside of the database; key_id says with which.

CREATE TABLE secrets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer REFERENCES users ON DELETE CASCADE,
    name text NOT NULL,
    key_id text NOT NULL,
    sealed bytea NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    CONSTRAINT secrets_name_format CHECK (name ~ '^[a-z0-9][a-z0-9_.:-]{0,99}$'),
    -- A nonce of 12 bytes and a tag of 16 at the least: a plain text is refused, mostly.
    CONSTRAINT secrets_sealed_length CHECK (octet_length(sealed) BETWEEN 28 AND 100000)
);
CREATE UNIQUE INDEX secrets_name_key ON secrets (coalesce(user_id, 0), name);
CREATE INDEX secrets_key_id_idx ON secrets (key_id);
