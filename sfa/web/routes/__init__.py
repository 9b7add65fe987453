"""One handler a file."""
