-- The analysis that follows a separation, or another analysis if it did not know of the newest separation: of what is missing.
SELECT sfa_follow_analysis(%(track)s, %(seen)s::uuid)
