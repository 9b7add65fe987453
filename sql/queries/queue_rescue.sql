-- Jobs that no lease tells of and whose worker is gone run again.
SELECT sfa_rescue_v1() AS rescued
