"""The contract between the parts: what happened, in words that all of them know."""
