"""Serve the dashboard: pages, uploads, audio and the live stream."""
