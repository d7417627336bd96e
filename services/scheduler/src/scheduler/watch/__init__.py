"""Watching jobs: one reader of each queue's event stream, fanned out in memory to any number of watches."""
