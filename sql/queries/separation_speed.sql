-- How fast this host separated, for the estimates of the next one.
SELECT sfa_speed_note(%(host)s, %(model)s, %(device)s, %(precision)s, %(networks)s, %(overlap)s, %(audio)s, %(seconds)s, %(peak)s)
