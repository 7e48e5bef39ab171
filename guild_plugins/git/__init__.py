"""Plumbing: how Guild reads and writes git repositories."""
