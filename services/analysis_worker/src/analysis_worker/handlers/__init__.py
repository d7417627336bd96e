"""One module per job type, found by `analysis_worker.runtime.registry`."""
