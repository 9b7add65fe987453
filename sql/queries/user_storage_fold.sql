-- The oldest changes of what users hold become part of what they held; how many did.
SELECT sfa_user_storage_fold(1000) AS folded
