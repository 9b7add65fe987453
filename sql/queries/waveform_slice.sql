-- A stretch of a track's waveform, or of one of its stems', for the track's owner: from and to in seconds.
SELECT w.per_second, octet_length(w.lows) AS columns, s.first,
       substring(w.lows FROM s.first + 1 FOR s.count) AS lows, substring(w.highs FROM s.first + 1 FOR s.count) AS highs
FROM tracks t LEFT JOIN stems m ON m.id = %(stem)s::uuid AND m.track_id = t.id
JOIN waveforms w ON w.audio_key = CASE WHEN %(stem)s::uuid IS NULL THEN t.audio_key ELSE m.audio_key END,
LATERAL (SELECT least(floor(%(start)s::float8 * w.per_second + 1e-6), octet_length(w.lows))::integer AS first) f,
LATERAL (SELECT f.first, greatest(0, least(ceil(%(end)s::float8 * w.per_second - 1e-6), octet_length(w.lows))::integer - f.first) AS count) s
WHERE t.id = %(id)s AND t.user_id = %(user_id)s
