-- Who owns what, and what there is to hear: users, their tokens, tracks, and the models a track can be separated with.

CREATE TYPE user_role AS ENUM ('user', 'admin');
CREATE TYPE user_status AS ENUM ('active', 'suspended');
CREATE TYPE token_context AS ENUM ('session', 'sign_in', 'api');
CREATE TYPE track_source AS ENUM ('upload', 'link', 'spotify');
CREATE TYPE separation_engine AS ENUM ('demucs', 'spectral', 'lalalai');

CREATE TABLE users (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL,
    password_hash text,
    role user_role NOT NULL DEFAULT 'user',
    status user_status NOT NULL DEFAULT 'active',
    -- When a link that was mailed there was opened.
    confirmed_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT users_email_format CHECK (email ~ '^[^@\s]+@[^@\s]+$' AND length(email) <= 320)
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));

-- The installation's own user: what psql and `bin/sfa run` make belongs to it.
INSERT INTO users (email, role, confirmed_at) VALUES ('owner@localhost', 'admin', now());

CREATE FUNCTION sfa_local_owner() RETURNS integer LANGUAGE sql STABLE AS
$$ SELECT min(id) FROM users WHERE role = 'admin' AND status = 'active' $$;

-- Only the sha256 of a token is kept: whoever reads this table can sign in as nobody.
CREATE TABLE user_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    context token_context NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    -- A session: how it began (link or password), and the browser. An API token: what its user calls it, what it may do.
    how text,
    agent text,
    name text,
    scopes text[] NOT NULL DEFAULT '{}',
    -- Where it was last used from, and when, to the minute.
    address text,
    seen_at timestamptz,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    used_at timestamptz,
    CONSTRAINT user_tokens_hash_is_sha256 CHECK (octet_length(token_hash) = 32),
    CONSTRAINT user_tokens_how_known CHECK (how IN ('link', 'password')),
    CONSTRAINT user_tokens_end CHECK (context = 'api' OR expires_at IS NOT NULL),
    CONSTRAINT user_tokens_api CHECK (context <> 'api' OR (length(name) BETWEEN 1 AND 100 AND cardinality(scopes) > 0)),
    CONSTRAINT user_tokens_scopes_known CHECK (scopes <@ '{read,write,admin,metrics}')
);
CREATE INDEX user_tokens_user_id_idx ON user_tokens (user_id);
CREATE INDEX user_tokens_expires_at_idx ON user_tokens (expires_at);

CREATE TABLE tracks (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id integer NOT NULL DEFAULT sfa_local_owner() REFERENCES users ON DELETE CASCADE,
    title text NOT NULL,
    artist text,
    album text,
    album_art_key text,
    duration_ms integer,
    source track_source NOT NULL DEFAULT 'upload',
    spotify_id text,
    audio_key text,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tracks_title_length CHECK (length(title) BETWEEN 1 AND 500),
    CONSTRAINT tracks_duration_positive CHECK (duration_ms > 0),
    CONSTRAINT tracks_audio_key_relative CHECK (audio_key ~ '^[A-Za-z0-9_-]' AND audio_key !~ '(^|/)\.\.?(/|$)'),
    CONSTRAINT tracks_spotify_id_format CHECK (spotify_id ~ '^[A-Za-z0-9]{22}$'),
    CONSTRAINT tracks_spotify_id_per_user UNIQUE (user_id, spotify_id)
);
CREATE INDEX tracks_page_idx ON tracks (user_id, inserted_at DESC, id DESC);
CREATE INDEX tracks_audio_key_idx ON tracks (audio_key);

CREATE TABLE models (
    name text PRIMARY KEY,
    engine separation_engine NOT NULL,
    stems text[] NOT NULL,
    description text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT models_name_format CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,63}$'),
    CONSTRAINT models_have_stems CHECK (cardinality(stems) > 0)
);
INSERT INTO models (name, engine, stems, description) VALUES
    ('htdemucs', 'demucs', '{drums,bass,other,vocals}', 'Good and fast; the default'),
    ('htdemucs_ft', 'demucs', '{drums,bass,other,vocals}', 'High quality, four networks, slow'),
    ('htdemucs_6s', 'demucs', '{drums,bass,other,vocals,guitar,piano}', 'Six stems: guitar and piano too'),
    ('mdx_extra', 'demucs', '{drums,bass,other,vocals}', 'High quality for vocals, four networks'),
    ('spectral', 'spectral', '{drums,bass,other,vocals}', 'Quick preview by classical signal processing; needs no weights');
