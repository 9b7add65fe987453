-- One batch of the user's, and how many of its members are in each state.
SELECT id, title, operation, model, options, import_id, after, needs, status, progress, total, completed, failed, cancelled, active,
       waiting, running, retrying, refused, inserted_at, finished_at
FROM sfa_batches WHERE id = %(id)s AND user_id = %(user_id)s
