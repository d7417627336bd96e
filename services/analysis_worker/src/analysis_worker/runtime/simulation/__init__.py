"""Errors on purpose, for development: a share of attempts fails, runs long, crashes, or loses the store."""
