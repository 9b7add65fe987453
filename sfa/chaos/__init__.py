"""Break SFA on purpose and read its history afterwards: ``bin/sfa chaos``.

`server` is a PostgreSQL of its own that can be stopped and started, `workshop` a worker process whose queue is
"chaos", `child` its port: it writes what it does to a file, `effects`, past database and worker alike. A `scene` is
all of that for one scenario; `faults` are the scenarios, `history` the judge, `verdict` the table.
"""
