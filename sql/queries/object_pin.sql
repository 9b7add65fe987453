-- Keep these keys while somebody is about to write them, or to write a row that names them.
SELECT sfa_pin(%(keys)s, %(token)s, make_interval(secs => %(seconds)s))
