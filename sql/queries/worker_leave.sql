-- A worker process ends in good order.
SELECT sfa_leave_v1(%(worker)s)
