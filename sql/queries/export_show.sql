-- Where an export lies and what to call it, for the track's owner.
SELECT e.audio_key, e.file_name FROM exports e JOIN tracks t ON t.id = e.track_id
WHERE e.id = %(id)s AND t.user_id = %(user_id)s
