"""Change many jobs at once: look first, ask, then follow how far it is. Shared by `jobs` and `failures`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from bothsides_client.cli.session import Session, err, out

if TYPE_CHECKING:
    from rich.console import Console

    from bothsides.jobs import v1 as pb

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what matches, and change nothing.")]
Max = Annotated[
    int, typer.Option("--max", min=1, max=100_000, help="Change at most so many; the newest first.")
]
Pace = Annotated[int, typer.Option(min=1, max=10_000, help="Change at most so many in a second.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class BulkCall(Protocol):
    """`Client.bulk_cancel_jobs` or `Client.bulk_retry_jobs`."""

    def __call__(
        self,
        filter: str,  # noqa: A002 - the field's name
        *,
        validate_only: bool = ...,
        max_jobs: int = ...,
        jobs_per_second: int = ...,
    ) -> Iterator[pb.BulkProgress]: ...


def change_many(
    session: Session,
    call: BulkCall,
    filter: str,  # noqa: A002 - the field's name
    verb: str,
    *,
    dry_run: bool,
    most: int,
    pace: int,
    yes: bool,
) -> None:
    """Show what matches, ask unless `yes`, change it, and leave with the exit code.

    Args:
        call: What changes them.
        verb: What it does, for people: "cancel".
    """
    if session.json and not (yes or dry_run):
        raise typer.BadParameter("with --json nobody can be asked: give --yes or --dry-run")
    if dry_run or not yes:
        preview = _last(call(filter, validate_only=True, max_jobs=most))
        session.show(preview, _show_preview)
        if dry_run or not preview.matched_count:
            return
        _ask(f"{verb.capitalize()} {preview.matched_count:,} jobs?")
    raise typer.Exit(_follow(session, call(filter, max_jobs=most, jobs_per_second=pace), verb))


def confirm(question: str, *, yes: bool, session: Session) -> None:
    """Ask, unless the answer was given; without a yes the command ends with 2 and changes nothing."""
    if yes:
        return
    if session.json:
        raise typer.BadParameter("with --json nobody can be asked: give --yes")
    _ask(question)


def _ask(question: str) -> None:
    from bothsides_client.outcome import EXIT_USAGE

    err().print(f"{question} [y/N] ", end="", markup=False, soft_wrap=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        err().print("Nothing was changed; --yes answers for you.", style="dim")
        raise typer.Exit(EXIT_USAGE)


def _follow(session: Session, messages: Iterator[pb.BulkProgress], verb: str) -> int:
    from bothsides.jobs import v1 as pb
    from bothsides_client.outcome import EXIT_INTERRUPTED, EXIT_JOB_FAILED, EXIT_OK
    from bothsides_client.wire import json_line, print_raw

    last, console = pb.BulkProgress(), out()
    try:
        for message in messages:
            last = message
            if session.json:
                print_raw(console, json_line(message))
            else:
                _show_progress(message, console)
    except KeyboardInterrupt:
        err().print(f"Interrupted: {_counts(last)}; the rest is as it was.", markup=False, soft_wrap=True)
        return EXIT_INTERRUPTED
    if not session.json and last.capped:
        err().print(f"More jobs match than --max: run it again to {verb} them.", soft_wrap=True)
    return EXIT_JOB_FAILED if last.failed_count else EXIT_OK


def _last(messages: Iterator[pb.BulkProgress]) -> pb.BulkProgress:
    from bothsides.jobs import v1 as pb

    last = pb.BulkProgress()
    for message in messages:
        samples = list(last.sample_jobs)
        last = message
        if not last.sample_jobs:
            last.sample_jobs.extend(samples)
    return last


def _show_preview(preview: pb.BulkProgress, console: Console) -> None:
    from bothsides_client.cli.render import show_jobs

    more = " or more" if preview.capped else ""
    console.print(f"{preview.matched_count:,}{more} jobs match.", soft_wrap=True)
    if preview.sample_jobs:
        console.print("The newest of them:" if len(preview.sample_jobs) < preview.matched_count else "")
        show_jobs(preview.sample_jobs, console)


def _show_progress(progress: pb.BulkProgress, console: Console) -> None:
    from rich.text import Text

    from bothsides_client.report.wording import printable

    console.print(_counts(progress), soft_wrap=True)
    for failure in progress.failures:
        console.print(Text(f"  {failure.job_id}: {printable(failure.error.message)}", style="red"))


def _counts(progress: pb.BulkProgress) -> str:
    said = f"{progress.done_count:,} of {progress.matched_count:,} done"
    if progress.failed_count:
        said += f", {progress.failed_count:,} failed"
    if progress.skipped_count:
        said += f", {progress.skipped_count:,} had moved on"
    return said
