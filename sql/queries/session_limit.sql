-- The statements of this transaction take no longer; what a pooler would hand on to others is left as it is.
SELECT set_config('statement_timeout', %(ms)s::text, true)
