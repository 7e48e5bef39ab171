"""Carrying out what the pipeline decides: one coordinator, and executors behind a port."""
