"""What lets processes meet: the journal, leases, and proof of who lives."""
