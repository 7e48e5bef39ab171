"""Views: what people see in a terminal or a file."""
