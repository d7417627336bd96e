"""`bothsides health` and `workers`: what the monitor knows."""

from __future__ import annotations

from typing import Annotated

import typer

from bothsides_client.cli.session import Json, session_of

workers = typer.Typer(no_args_is_help=True, help="Look at the workers.")


def health(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Print every change until interrupted.")] = False,
    as_json: Json = False,
) -> None:
    """Say whether all is well. Exits with 1 unless the health is HEALTHY or DEGRADED."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render import show_health
    from bothsides_client.outcome import EXIT_JOB_FAILED

    session = session_of(context, as_json)
    with session.client() as client:
        if watch:
            for seen in client.watch_health():
                session.show(seen, show_health)
            return
        now = client.health()
    session.show(now, show_health)
    if now.status not in (pb.Health.HEALTHY, pb.Health.DEGRADED):
        raise typer.Exit(EXIT_JOB_FAILED)


@workers.command("list")
def list_workers(context: typer.Context, as_json: Json = False) -> None:
    """List the workers that reported lately."""
    from bothsides_client.cli.render import show_workers

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(client.workers(), show_workers)
