-- New automatic cues for a track's old ones.
SELECT sfa_cues_replace(%(track)s, %(cues)s) AS count
