-- What was done in the minutes that are over.
SELECT sfa_statistics_v1() AS written
