"""The landing queue: which trees are tested when, and what may land after that. Pure."""
