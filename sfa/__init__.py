"""Separate, analyse and play music, every step a job in Postgres."""

__version__ = "0.1.0"
