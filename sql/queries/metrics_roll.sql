-- The counters of attempts are brought up to date.
SELECT sfa_attempt_roll()
