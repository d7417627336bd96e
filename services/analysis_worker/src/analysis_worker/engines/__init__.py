"""Engines turn a conversation into an analysis."""
