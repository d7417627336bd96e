"""The gRPC services: each method reads its request, calls one thing, and writes its response."""
