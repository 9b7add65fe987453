-- Download a user's own track again, from where it came. No row: it is not theirs.
SELECT sfa_download_again(id) AS job FROM tracks WHERE id = %(id)s AND user_id = %(user_id)s
