"""A command run in many scopes at once: its units, and what each of them does."""
