"""Executors that come with Guild: each supplies slots, and knows nothing of runs."""
