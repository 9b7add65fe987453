-- Nobody got it: there is no mail server. It stays for the mail box page.
UPDATE mails SET kept = true WHERE id = %(id)s
