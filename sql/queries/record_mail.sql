-- A mail as its worker needs it. It belongs to no track.
SELECT m.id, NULL::uuid AS track_id, m.recipient, m.subject, m.inserted_at FROM mails m WHERE m.id = %(id)s
