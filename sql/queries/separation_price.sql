-- What so many seconds of audio would cost with a model.
SELECT * FROM sfa_price(%(audio)s, %(model)s) LIMIT 1
