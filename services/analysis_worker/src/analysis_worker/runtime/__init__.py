"""What every handler runs on: actors, child processes, the context of an attempt, health and shutdown."""
