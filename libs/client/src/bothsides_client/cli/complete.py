"""What the shell offers for an argument: ids and names that the server has.

Quiet and quick: a shell that completes has no place for an error, so without a server nothing is offered.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bothsides_client.client import Client

#: How long a person at a prompt may wait.
PATIENCE_S: Final = 1.5
#: Most jobs that are offered; more would not fit on a screen.
OFFERED: Final = 50


def job_ids(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest jobs whose ids begin so, with what they are."""

    def offered(client: Client) -> list[tuple[str, str]]:
        from bothsides.jobs import v1 as pb

        found = islice(client.list_jobs(page_size=500), 500)
        matching = (job for job in found if job.job_id.startswith(incomplete))
        return [
            (job.job_id, f"{pb.Job.State.Name(job.state)} {job.conversation_id or job.actor}")
            for job in islice(matching, OFFERED)
        ]

    return _offer(ctx, offered)


def batch_ids(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the newest batches whose ids begin so, with what they are."""

    def offered(client: Client) -> list[tuple[str, str]]:
        from bothsides.jobs import v1 as pb

        found = islice(client.list_batches(page_size=500), 500)
        matching = (batch for batch in found if batch.batch_id.startswith(incomplete))
        return [
            (batch.batch_id, f"{pb.Batch.State.Name(batch.state)} {batch.display_name}".strip())
            for batch in islice(matching, OFFERED)
        ]

    return _offer(ctx, offered)


def queue_names(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the queues whose names begin so, with their states."""

    def offered(client: Client) -> list[tuple[str, str]]:
        from bothsides.jobs import v1 as pb

        found = islice(client.list_queues(page_size=500), 500)
        return [
            (each.name, pb.Queue.State.Name(each.state)) for each in found if each.name.startswith(incomplete)
        ]

    return _offer(ctx, offered)


def fingerprints(ctx: Any, incomplete: str) -> list[tuple[str, str]]:
    """Return the groups of failures whose fingerprints begin so, with what went wrong."""

    def offered(client: Client) -> list[tuple[str, str]]:
        groups = islice(client.list_failure_groups(), OFFERED)
        named = [(group.fingerprint, f"{group.job_count} {group.reason}") for group in groups]
        return [each for each in named if each[0].startswith(incomplete)]

    return _offer(ctx, offered)


def _offer(ctx: Any, ask: Callable[[Client], list[tuple[str, str]]]) -> list[tuple[str, str]]:
    """Ask the server that the options before the command name; offer nothing if anything goes wrong."""
    from bothsides_client.cli.session import session_from

    with suppress(Exception), session_from(ctx.find_root().params).client(timeout_s=PATIENCE_S) as client:
        return ask(client)
    return []
