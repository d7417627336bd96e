"""The job core: what a job is and what may happen to it. Standard library only, no I/O."""
