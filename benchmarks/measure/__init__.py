"""The measurements of benchmarks/core.py: each in one module, and what they share."""
