-- A mail is a job; its text was put among the secrets in the same transaction.
INSERT INTO mails (id, user_id, recipient, subject) VALUES (%(id)s, %(user_id)s, %(recipient)s, %(subject)s)
