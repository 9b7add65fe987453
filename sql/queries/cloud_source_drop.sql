-- An upload that is not there any more.
DELETE FROM cloud_sources WHERE source_id = %(source)s
