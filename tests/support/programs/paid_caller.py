"""Makes paid calls through a gate until all are answered: store, provider, how many, how many at once."""

from __future__ import annotations

import asyncio
import sys
import urllib.request

from analysis_worker.paid.gate import GateSettings, PaidGate
from analysis_worker.paid.port import Call, CallHeld, Reply, Usage
from common.provider.models import DEFAULT_MODEL, ModelTable
from common.settings import StoreSettings
from common.store.clients import async_redis_client
from common.store.operation import AsyncRunner


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as reply:  # noqa: S310 - the test's own server
        body: bytes = reply.read()
        return body


async def main(store: str, provider: str, count: int, at_once: int) -> None:
    gate = PaidGate(
        AsyncRunner(async_redis_client(StoreSettings(store))),
        "bothsides",
        models=ModelTable(),
        settings=GateSettings(lease_ms=600),
    )
    slots = asyncio.Semaphore(at_once)

    async def ask(number: int) -> None:
        async def send() -> Reply:
            return Reply(await asyncio.to_thread(fetch, f"{provider}/{number}"), Usage(100, 0, 20), {})

        call = Call("t", "openai", DEFAULT_MODEL, str(number), 0, 120, 50, 20, f"ai-{number}", 1)
        async with slots:
            while True:
                try:
                    await gate.ask(call, send)
                    return
                except CallHeld:
                    await asyncio.sleep(0.1)

    await asyncio.gather(*(ask(number) for number in range(count)))
    print("all are answered", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
