-- Jobs whose worker stopped renewing run again.
SELECT sfa_reap_v1(make_interval(secs => %(lease)s)) AS lost
