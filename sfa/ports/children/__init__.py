"""Hold the programs that run as ports; each is also a filter for a shell pipe."""
