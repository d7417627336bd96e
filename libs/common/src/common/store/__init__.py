"""Valkey or Redis as a database: every key, every script, and how to read its reply."""
