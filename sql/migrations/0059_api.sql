-- What the API answered to requests that carried an Idempotency-Key, for a day: the same request again gets the same
-- answer and does nothing. Written in the transaction of what the request did, so that there is both or neither.

CREATE TABLE api_requests (
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    key text NOT NULL,
    -- sha256 of method, path and body: the key of another request is a mistake.
    fingerprint bytea NOT NULL,
    status smallint,
    location text,
    body jsonb,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, key),
    CONSTRAINT api_requests_key_length CHECK (length(key) BETWEEN 1 AND 200),
    CONSTRAINT api_requests_fingerprint_is_sha256 CHECK (octet_length(fingerprint) = 32)
);
CREATE INDEX api_requests_inserted_at_idx ON api_requests (inserted_at);
