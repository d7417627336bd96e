"""The type of a call's context."""

from __future__ import annotations

from typing import Any, TypeAlias

import grpc.aio

# Quoted, because the class is generic only for the type checker.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
