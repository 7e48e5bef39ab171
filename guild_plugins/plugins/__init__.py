"""Guild's own plugins, on the same hooks as anyone's."""
