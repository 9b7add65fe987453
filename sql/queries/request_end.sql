-- What was answered.
UPDATE api_requests SET status = %(status)s, location = %(location)s, body = %(body)s::jsonb
WHERE user_id = %(user_id)s AND key = %(key)s
