-- An upload of the same audio that will be there for another hour.
SELECT source_id, seconds FROM cloud_sources
WHERE account = %(account)s AND audio_key = %(audio_key)s AND preview = %(preview)s AND expires_at > now() + interval '1 hour' AND track_id IS NOT NULL
ORDER BY expires_at DESC LIMIT 1
