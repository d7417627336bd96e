"""Paid calls: what engines ask for, and what stands around each call."""
