"""What can be relied on, as docs/reliability.md says: faults, many at once, copies, memory."""
