-- Waveforms to zoom into: the extremes of every hundredth of a second of an object's audio, a byte each (128 is zero), so
-- that any stretch at any width is a slice and a maximum. The overview of 1,000 columns stays beside the stem and in the
-- analysis. By the store's key: what is linked or separated once has one, and it goes with the object.

CREATE TABLE waveforms (
    audio_key text PRIMARY KEY REFERENCES objects ON DELETE CASCADE,
    per_second smallint NOT NULL,
    lows bytea NOT NULL,
    highs bytea NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT waveforms_per_second_positive CHECK (per_second > 0),
    CONSTRAINT waveforms_pairs CHECK (octet_length(lows) = octet_length(highs) AND octet_length(lows) > 0)
);
-- Not compressed: a slice of an hour is read without reading the hour.
ALTER TABLE waveforms ALTER COLUMN lows SET STORAGE EXTERNAL, ALTER COLUMN highs SET STORAGE EXTERNAL;
