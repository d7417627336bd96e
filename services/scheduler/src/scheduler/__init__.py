"""The scheduler: accepts jobs over gRPC, answers for them, and streams their lives. It runs none."""
