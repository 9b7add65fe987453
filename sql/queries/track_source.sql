-- Whether a track's file has gone, and whether it could be downloaded again.
SELECT NOT sfa_has_audio(t.id, t.audio_key) AND t.audio_key IS NOT NULL AS missing,
       t.spotify_id IS NOT NULL OR EXISTS (SELECT FROM download_jobs d WHERE d.track_id = t.id) AS sourced,
       t.album_art_key IS NOT NULL AS has_cover
FROM tracks t WHERE t.id = %(id)s AND t.user_id = %(user_id)s
