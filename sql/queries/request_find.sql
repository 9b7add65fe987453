-- What was answered the first time.
SELECT fingerprint, status, location, body FROM api_requests WHERE user_id = %(user_id)s AND key = %(key)s
