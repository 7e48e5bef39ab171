"""Work that meets: commits by scope, gates, the merge driver, merges of whole trees."""
