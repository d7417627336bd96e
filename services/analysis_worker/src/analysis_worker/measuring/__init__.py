"""What a worker tells a collector in figures, where there is one."""
