"""Traces and metrics: made after a fork, sent by OTLP, and nothing at all unless an endpoint is set."""
