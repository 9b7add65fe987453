-- No statement of this connection takes longer.
SELECT set_config('statement_timeout', %(ms)s::text, false)
