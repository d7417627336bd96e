"""Serving gRPC: one way to build a server, to refuse a request and to report an error."""
