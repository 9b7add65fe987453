"""What each page shows: a page a module, the stream's list of them in `watched`."""
