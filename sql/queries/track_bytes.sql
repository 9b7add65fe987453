-- How long the files are that were looked for; NULL: it was not there.
UPDATE tracks t SET audio_bytes = u.bytes FROM unnest(%(tracks)s::uuid[], %(keys)s::text[], %(bytes)s::bigint[]) AS u (track, key, bytes)
WHERE t.id = u.track AND t.audio_key = u.key AND t.audio_bytes IS DISTINCT FROM u.bytes
