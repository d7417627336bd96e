"""A bare gRPC server: one unary method that answers each request with the same bytes. Nothing else.

    python -m measure.echo RESPONSE_BYTES [uvloop]

It listens on SCHEDULER_ADDR and answers every method, on asyncio's own loop or on the scheduler's.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import grpc
import grpc.aio
import uvloop


class AnyMethod(grpc.GenericRpcHandler):
    """Serves each method with one and the same answer; reads and writes plain bytes."""

    def __init__(self, answer: bytes) -> None:
        async def echo(request: bytes, context: Any) -> bytes:
            return answer

        self._handler: grpc.RpcMethodHandler[Any, Any] = grpc.unary_unary_rpc_method_handler(echo)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return self._handler


async def main() -> None:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((AnyMethod(b"x" * int(sys.argv[1])),))
    server.add_insecure_port(os.environ["SCHEDULER_ADDR"])
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    loop_factory = uvloop.new_event_loop if "uvloop" in sys.argv else None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
