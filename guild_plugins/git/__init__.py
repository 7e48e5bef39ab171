"""Plumbing: how Guild reads git repositories."""
