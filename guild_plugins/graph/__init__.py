"""What imports what, read from content."""
