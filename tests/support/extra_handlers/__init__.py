"""A package of handlers beside the worker's own, with one job type that the platform does not have."""
