-- An analysis is followed by its cue points.
SELECT sfa_follow_auto_cue(%(track)s)
