"""Batches: accepted, driven to their end, told of what becomes of members, watched."""
