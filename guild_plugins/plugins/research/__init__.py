"""What there is to know about each scope, and about the project as a whole."""
