-- An object's waveform; one that is gone meanwhile takes none.
INSERT INTO waveforms (audio_key, per_second, lows, highs)
SELECT key, %(per_second)s, %(lows)s, %(highs)s FROM objects WHERE key = %(audio_key)s
ON CONFLICT (audio_key) DO NOTHING
