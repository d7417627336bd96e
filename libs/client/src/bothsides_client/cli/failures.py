"""`bothsides failures`: what went wrong, by group, and a retry of a whole group."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from bothsides_client.cli.bulk import DryRun, Max, Pace, Yes, change_many
from bothsides_client.cli.complete import fingerprints
from bothsides_client.cli.session import Json, session_of

if TYPE_CHECKING:
    from bothsides.jobs import v1 as pb
    from bothsides_client.client import Client

app = typer.Typer(help="See what went wrong, by group, and retry a group.")


@app.callback(invoke_without_command=True)
def failures(
    context: typer.Context,
    filter: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="Only of the jobs that match (AIP-160).")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many groups.")] = 50,
    as_json: Json = False,
) -> None:
    """List the failed jobs by what went wrong, the largest group first."""
    if context.invoked_subcommand is not None:
        return
    from bothsides_client.cli.render_history import show_failures

    session = session_of(context, as_json)
    with session.client() as client:
        groups = client.list_failure_groups(filter, page_size=min(limit, 500))
        session.show_all(islice(groups, limit), show_failures)


@app.command("retry")
def retry(
    context: typer.Context,
    group: Annotated[
        str,
        typer.Argument(
            metavar="FINGERPRINT",
            help="The group, as `bothsides failures` shows it; its beginning will do.",
            autocompletion=fingerprints,
        ),
    ],
    dry_run: DryRun = False,
    most: Max = 1_000,
    pace: Pace = 100,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Start all jobs of a group anew, after a look and a yes."""
    session = session_of(context, as_json)
    with session.client() as client:
        found = _find(client, group).filter
        call = client.bulk_retry_jobs
        change_many(session, call, found, "retry", dry_run=dry_run, most=most, pace=pace, yes=yes)


def _find(client: Client, beginning: str) -> pb.FailureGroup:
    groups = client.list_failure_groups(page_size=500)
    found = [each for each in islice(groups, 5_000) if each.fingerprint.startswith(beginning)]
    match found:
        case [group] if beginning:
            return group
        case []:
            raise typer.BadParameter(f"no group {beginning!r}: `bothsides failures` lists them")
    raise typer.BadParameter(f"{beginning!r} begins {len(found)} groups: give more of it")
