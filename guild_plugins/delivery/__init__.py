"""From the work tree to branches: work places, commits by scope, gates."""
