"""`bothsides batches`: run many jobs as one, and look after them."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bothsides_client.cli.bulk import Yes, confirm
from bothsides_client.cli.complete import batch_ids
from bothsides_client.cli.session import Json, Session, err, out, session_of
from bothsides_client.cli.values import duration, micro_usd, pairs, tolerance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bothsides.jobs import v1 as pb

app = typer.Typer(no_args_is_help=True, help="Run many jobs as one, and look after them.")

BatchId = Annotated[
    str,
    typer.Argument(
        metavar="BATCH_ID",
        help="The batch's id, as `batches list` shows it.",
        autocompletion=batch_ids,
        show_default=False,
    ),
]
Filter = Annotated[str, typer.Option("--filter", help="Such as 'state = FAILED AND labels.team = red'.")]
_SPENT = ("hold", "refuse", "cheaper")


@app.command("create")
def create(
    context: typer.Context,
    conversation_ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CONVERSATION_ID]...", help="Conversations to analyse.", show_default=False),
    ] = None,
    conversations: Annotated[
        Path | None,
        typer.Option(help="A file of their ids, one a line ('-' for standard input)."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Jobs in their place, a JSON object a line, as for `bothsides submit`."),
    ] = None,
    template: Annotated[
        str | None,
        typer.Option(help="What to do with each conversation: a Job as JSON, without its conversation_id."),
    ] = None,
    name: Annotated[str, typer.Option(help="For people.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="key=value to find the batch by.")] = None,
    parallel: Annotated[
        int, typer.Option(min=0, max=10_000, help="At most so many at once; 0 for no bound.")
    ] = 0,
    may_fail: Annotated[
        str | None, typer.Option(help="How many may fail, such as 20% or 5. [default: 20%]")
    ] = None,
    keep_going: Annotated[
        bool, typer.Option("--keep-going", help="Run all, however many fail; else it stops when more do.")
    ] = False,
    max_cost: Annotated[
        str | None, typer.Option(help="What all of it may cost in dollars, such as 2.50.")
    ] = None,
    when_spent: Annotated[
        str, typer.Option(help="hold: jobs wait; refuse: they fail; cheaper: another model is asked.")
    ] = "hold",
    retention: Annotated[
        str | None, typer.Option(help="Keep it so long after its end, such as 48h. [default: 7d]")
    ] = None,
    request_id: Annotated[
        str | None,
        typer.Option(help="Make it safe to repeat: the same id, the same batch, for 24 hours."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and estimate it, store nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Create a batch: of conversations to analyse, or of any jobs from a file."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render_batches import show_batch

    session = session_of(context, as_json)
    ids = [*(conversation_ids or []), *_lines(conversations, "--conversations")]
    if bool(ids) == (source is not None):
        raise typer.BadParameter("name conversations, or give --from")
    if when_spent not in _SPENT:
        raise typer.BadParameter(f"{when_spent!r} is none of {', '.join(_SPENT)}", param_hint="--when-spent")
    batch = pb.Batch(display_name=name, labels=pairs(label or []), parallel_limit=parallel)
    if keep_going:
        batch.failure_policy.action = pb.BatchFailurePolicy.CONTINUE
    if may_fail is not None:
        match tolerance(may_fail):
            case int(count):
                batch.failure_policy.tolerated_count = count
            case fraction:
                batch.failure_policy.tolerated_fraction = fraction
    if max_cost is not None:
        batch.max_cost_micro_usd = micro_usd(max_cost)
        batch.spent_policy = pb.Budget.SpentPolicy.Value(when_spent.upper())
    if retention is not None:
        batch.retention.FromTimedelta(duration(retention))
    with session.client(timeout_s=60) as client:
        created = client.create_batch(
            _jobs(source),
            conversation_ids=ids,
            template=_template(template),
            batch=batch,
            request_id=request_id,
            validate_only=dry_run,
        )
    if watch and not dry_run:
        raise typer.Exit(_follow(session, created.batch_id, None))
    session.show(created, show_batch)
    if not session.json and not dry_run:
        hint = f"Follow it with: bothsides batches watch {created.batch_id}"
        err().print(hint, style="dim", soft_wrap=True, markup=False)


@app.command("get")
def get(context: typer.Context, batch_id: BatchId, as_json: Json = False) -> None:
    """Show one batch: counts, costs, progress."""
    from bothsides_client.cli.render_batches import show_batch

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.get_batch(batch_id), show_batch)


@app.command("list")
def list_(
    context: typer.Context,
    filter: Filter = "",  # noqa: A002 - the option's name
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List batches, newest first."""
    from bothsides_client.cli.render_batches import show_batches

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(islice(client.list_batches(filter, page_size=min(limit, 500)), limit), show_batches)


@app.command("watch")
def watch(
    context: typer.Context,
    batch_id: BatchId,
    resume_token: Annotated[str | None, typer.Option(help="Go on behind the message that had it.")] = None,
    as_json: Json = False,
) -> None:
    """Follow a batch to its end; ends with 0 if it succeeded, else with 1."""
    raise typer.Exit(_follow(session_of(context, as_json), batch_id, resume_token))


@app.command("cancel")
def cancel(context: typer.Context, batch_id: BatchId, as_json: Json = False) -> None:
    """Stop a batch: nothing more is submitted, what waits and what runs is cancelled."""
    from bothsides_client.cli.render_batches import show_batch

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.cancel_batch(batch_id), show_batch)


@app.command("retry")
def retry(
    context: typer.Context,
    batch_id: BatchId,
    include_cancelled: Annotated[
        bool, typer.Option("--include-cancelled", help="Those that were cancelled, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Retry the members that failed or expired, and submit those that never were."""
    from bothsides_client.cli.render_batches import show_batch

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.retry_batch(batch_id, include_cancelled=include_cancelled), show_batch)


@app.command("delete")
def delete(context: typer.Context, batch_id: BatchId, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a batch that has ended, with all its members and their results."""
    session = session_of(context, as_json)
    confirm(f"Remove batch {batch_id} with all its jobs?", yes=yes, session=session)
    with session.client() as client:
        client.delete_batch(batch_id)
    session.say({"batch_id": batch_id, "deleted": True}, f"Batch {batch_id} is being removed.")


def _follow(session: Session, batch_id: str, resume_token: str | None) -> int:
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render_batches import course_of, show_batch
    from bothsides_client.outcome import EXIT_JOB_FAILED, EXIT_OK
    from bothsides_client.wire import json_line, print_raw

    console, last = out(), None
    with session.client() as client:
        for message in client.watch_batch(batch_id, resume_token=resume_token):
            last = message.snapshot if message.HasField("snapshot") else last
            if session.json:
                print_raw(console, json_line(message))
            elif message.HasField("snapshot"):
                console.print(course_of(message.snapshot), soft_wrap=True)
        # With the token of the last message nothing is told any more.
        last = last or client.get_batch(batch_id)
    if not session.json:
        show_batch(last, console)
    return EXIT_OK if last.state == pb.Batch.SUCCEEDED else EXIT_JOB_FAILED


def _lines(path: Path | None, option: str) -> list[str]:
    from bothsides_client.cli.files import read_text

    if path is None:
        return []
    return [line.strip() for line in read_text(path, option).splitlines() if line.strip()]


def _jobs(source: Path | None) -> Iterator[pb.Job]:
    from bothsides_client.cli.submit import job_from, json_from

    for number, line in enumerate(_lines(source, "--from"), 1):
        place = f"{source}:{number}"
        yield job_from(json_from(line, dict, place, "object"), place)


def _template(text: str | None) -> pb.Job | None:
    from bothsides_client.cli.submit import job_from, json_from

    return None if text is None else job_from(json_from(text, dict, "--template", "object"), "--template")
