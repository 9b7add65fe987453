-- Every attempt that was ever made, by kind, verdict and how long it took.
SELECT kind, verdict, bucket, attempts, seconds FROM sfa_attempt_totals ORDER BY kind, verdict, bucket
