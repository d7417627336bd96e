"""Measures what stands around calls to a model: through whole programs, against a provider over HTTP."""
