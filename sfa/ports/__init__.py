"""Run every ML task as a child process that speaks newline-delimited JSON."""
