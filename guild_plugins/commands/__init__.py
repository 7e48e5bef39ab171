"""Subcommands that are imported only when asked for: they parse, call, render and return."""
