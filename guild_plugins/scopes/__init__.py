"""Scopes: what they are, where they are configured, how they are found, what they own."""
