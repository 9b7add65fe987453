-- Users' own sign-ins at Spotify. Tokens lie in the vault; here stand only who is signed in, and the one sign-in that may be
-- under way: its state is kept as a hash, is good for ten minutes, and is used once.

CREATE TABLE spotify_sign_ins (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    state_hash bytea NOT NULL,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '10 minutes',
    CONSTRAINT spotify_sign_ins_hash_is_sha256 CHECK (octet_length(state_hash) = 32)
);

CREATE TABLE spotify_accounts (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    spotify_user text NOT NULL,
    name text,
    scopes text NOT NULL DEFAULT '',
    connected_at timestamptz NOT NULL DEFAULT now(),
    -- Spotify has taken the sign-in back: it has to be done again.
    ended_at timestamptz
);
