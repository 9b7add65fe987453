-- What went wrong on a host, many at a time, with the time at which it did.
INSERT INTO incidents (at, host, program, event, detail)
SELECT to_timestamp(i.at), %(host)s, i.program, i.event, i.detail
FROM jsonb_to_recordset(%(incidents)s::jsonb) AS i (at double precision, program text, event text, detail jsonb)
