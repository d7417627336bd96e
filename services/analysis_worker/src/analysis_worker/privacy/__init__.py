"""What stands before any text that leaves the process: personal data, hostile content, invented quotes."""
