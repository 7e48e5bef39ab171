"""Running units of work in the order that they need: the pure core, and a simulator of it."""
