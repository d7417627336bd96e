"""How much of a provider's quota is used, and how many calls it refuses, beside plain `openai` in threads.

    python benchmarks/quota.py [--seconds 300] [--processes 1,2,4,8] [--rpm 600] [--tpm 200000] [--plain]

The provider is `llmock`: buckets for requests and tokens by the minute that refill all the time, Retry-After,
the x-ratelimit-* headers, and a verdict on how its clients retried. Each call takes it 0.5 to 3 s. Ten times
as many calls are there as fit. Prints figures beside their bars; asserts nothing.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from measure.provider import Provider
from measure.quota import Outcome, drive
from measure.quota_report import row, title

from bothsides_stack.embedded import EmbeddedServer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--processes", default="1,2,4,8", help="numbers of worker processes")
    parser.add_argument(
        "--slots", type=int, default=64, help="calls that all processes ask for at once, at least"
    )
    parser.add_argument("--rpm", type=int, default=600)
    parser.add_argument("--tpm", type=int, default=200_000)
    parser.add_argument("--only", choices=("gate", "plain"), help="one of the two")
    options = parser.parse_args()
    counts: Sequence[int] = [int(count) for count in options.processes.split(",")]
    print(f"{os.cpu_count()} processors, {options.rpm} rpm, {options.tpm} tpm, {options.seconds:g} s each")
    title()
    kinds = [kind for kind in ("gate", "plain") if options.only in (None, kind)]
    for count in counts:
        for kind in kinds:
            with EmbeddedServer() as server, Provider(options.rpm, options.tpm, options.seconds) as provider:
                outcome: Outcome = drive(
                    kind, count, max(8, options.slots // count), server.url, provider, options.seconds
                )
                row(kind, count, outcome, provider, options.seconds)
    print("bars: used >= 95 % of what could be had, refused <= 0.5 % of calls, verdict PASS")


if __name__ == "__main__":
    main()
