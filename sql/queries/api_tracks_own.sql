-- Which of these tracks are the user's.
SELECT id FROM tracks WHERE user_id = %(user_id)s AND id = ANY (%(tracks)s::uuid[])
