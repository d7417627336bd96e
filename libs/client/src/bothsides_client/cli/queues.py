"""`bothsides queues`: list, get, stats, pause, resume, drain, set."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from bothsides_client.cli.complete import queue_names
from bothsides_client.cli.session import Json, session_of
from bothsides_client.cli.values import NONE, duration, instant, or_none, share, size, whole, window

if TYPE_CHECKING:
    from bothsides.jobs import v1 as pb

app = typer.Typer(no_args_is_help=True, help="Look at queues, pause and resume them, and set their limits.")

Name = Annotated[str, typer.Argument(metavar="QUEUE", help="The queue's name.", autocompletion=queue_names)]


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 500,
    as_json: Json = False,
) -> None:
    """List the queues: what they do, what is in them, and what limits them."""
    from bothsides_client.cli.render_queues import show_queues

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(islice(client.list_queues(page_size=min(limit, 500)), limit), show_queues)


@app.command("get")
def get(context: typer.Context, queue: Name, as_json: Json = False) -> None:
    """Show one queue with its tenants' limits."""
    from bothsides_client.cli.render_queues import show_queue

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.get_queue(queue), show_queue)


@app.command("stats")
def stats(
    context: typer.Context,
    queue: Annotated[
        str, typer.Argument(metavar="[QUEUE]", help="Only this queue.", autocompletion=queue_names)
    ] = "",
    as_json: Json = False,
) -> None:
    """List the queues with what they did in the last hour, and how long jobs waited and ran."""
    from bothsides_client.cli.render import show_queue_stats

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(client.queue_stats(queue), show_queue_stats)


@app.command("pause")
def pause(
    context: typer.Context,
    queue: Name,
    until: Annotated[
        str | None, typer.Option("--until", help="Resume by itself: +30m, or 2030-01-31T08:00.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Let nothing of the queue start any more; jobs are still accepted, and running ones run on."""
    from bothsides_client.cli.render_queues import show_queue_state

    session = session_of(context, as_json)
    resume_time = None if until is None else instant(until)
    with session.client() as client:
        session.show(client.pause_queue(queue, resume_time=resume_time), show_queue_state)


@app.command("resume")
def resume(
    context: typer.Context,
    queue: Name,
    ramp: Annotated[
        str | None, typer.Option(help="Start slowly, and as much as may only after so long: 5m.")
    ] = None,
    as_json: Json = False,
) -> None:
    """End a pause or a drain, at once or little by little."""
    from bothsides_client.cli.render_queues import show_queue_state

    session = session_of(context, as_json)
    length = None if ramp is None else duration(ramp)
    with session.client() as client:
        session.show(client.resume_queue(queue, ramp=length), show_queue_state)


@app.command("drain")
def drain(context: typer.Context, queue: Name, as_json: Json = False) -> None:
    """Refuse new jobs, and work off what is there; `queues resume` ends it."""
    from bothsides_client.cli.render_queues import show_queue_state

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.drain_queue(queue), show_queue_state)


@app.command("set")
def set_(
    context: typer.Context,
    queue: Name,
    concurrency: Annotated[str | None, typer.Option(help="Jobs at once, over all workers; or none.")] = None,
    worker_concurrency: Annotated[
        str | None, typer.Option(help="Jobs at once in one worker; or none for the workers' own.")
    ] = None,
    starts: Annotated[
        str | None, typer.Option("--window", help="Starts in any stretch of time: 10/60s; or none.")
    ] = None,
    depth: Annotated[str | None, typer.Option(help="Most jobs that may wait; or none.")] = None,
    index: Annotated[
        str | None, typer.Option(help="Label keys to find jobs by, with commas between; or none.")
    ] = None,
    retries: Annotated[
        str | None,
        typer.Option(
            "--retry-budget", help="Retries to first attempts, and so many a minute: 20%/10; or none."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            help="How many jobs that ended are kept at least, and how long: succeeded=1000/48h, failed=50, "
            "cancelled=/1h; or expired=none for the default. Repeat for several."
        ),
    ] = None,
    keep_bytes: Annotated[
        str | None,
        typer.Option(help="Memory that jobs which have ended may take: 500MB, 2GiB; or none for any amount."),
    ] = None,
    tenant: Annotated[
        list[str] | None,
        typer.Option(
            help="A tenant's share and limits: acme:weight=2,concurrency=5,window=10/60s; or acme:none. "
            "What is not named returns to the default. Repeat for several."
        ),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the queue if no worker or job has used it yet.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Set limits; they hold from the next start on. What is not named stays as it is."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render_queues import show_queue

    session = session_of(context, as_json)
    changed, fields = pb.Queue(name=queue), list[str]()
    for field, text in (
        ("concurrency", concurrency),
        ("worker_concurrency", worker_concurrency),
        ("max_depth", depth),
    ):
        if text is not None:
            fields.append(field)
            if (number := or_none(text, whole)) is not None:
                setattr(changed, field, number)
    if starts is not None:
        fields.append("window")
        if starts != NONE:
            changed.window.CopyFrom(_window(starts))
    if index is not None:
        fields.append("indexed_labels")
        if index != NONE:
            changed.indexed_labels.extend(key.strip() for key in index.split(",") if key.strip())
    if retries is not None:
        fields.append("retry_budget")
        if retries != NONE:
            ratio, least = share(retries)
            changed.retry_budget.ratio, changed.retry_budget.min_per_minute = ratio, least
    for text in keep or ():
        fields.append(_keep(changed.retention, text))
    if keep_bytes is not None:
        fields.append("retention.max_bytes")
        if (number := or_none(keep_bytes, size)) is not None:
            changed.retention.max_bytes = number
    for text in tenant or ():
        name, limits = _tenant(text)
        fields.append(f"tenant_limits.{name}")
        if limits is not None:
            changed.tenant_limits[name].CopyFrom(limits)
    if not fields:
        raise typer.BadParameter("name what to set; `bothsides queues set --help` lists it")
    with session.client() as client:
        session.show(client.update_queue(changed, fields, allow_missing=create), show_queue)


def _window(text: str) -> pb.StartWindow:
    from bothsides.jobs import v1 as pb

    starts, period = window(text)
    read = pb.StartWindow(max_starts=starts)
    read.period.FromTimedelta(period)
    return read


def _keep(policy: pb.RetentionPolicy, text: str) -> str:
    """Read such as "failed=50/7d", "failed=50" or "failed=/7d" into a policy; return the field it names."""
    state, equals, said = text.partition("=")
    if not equals or not said or state not in ("succeeded", "failed", "cancelled", "expired"):
        raise typer.BadParameter(f"{text!r}: write such as succeeded=1000/48h", param_hint="--keep")
    if said != NONE:
        number, _, age = said.partition("/")
        kept: pb.RetentionPolicy.Keep = getattr(policy, state)
        if number:
            kept.min_jobs = whole(number)
        if age:
            kept.min_age.FromTimedelta(duration(age))
    return f"retention.{state}"


def _tenant(text: str) -> tuple[str, pb.TenantLimits | None]:
    """Read such as "acme:weight=2,concurrency=5"; None for "acme:none"."""
    from bothsides.jobs import v1 as pb

    name, colon, said = text.partition(":")
    if not colon or not name or not said:
        raise typer.BadParameter(
            f"{text!r}: write such as acme:weight=2,window=10/60s", param_hint="--tenant"
        )
    if said == NONE:
        return name, None
    limits = pb.TenantLimits()
    for part in said.split(","):
        key, _, value = part.strip().partition("=")
        match key:
            case "weight":
                limits.weight = _weight(value)
            case "concurrency":
                limits.concurrency = whole(value)
            case "window":
                limits.window.CopyFrom(_window(value))
            case _:
                raise typer.BadParameter(
                    f"{key!r} is none of weight, concurrency and window", param_hint="--tenant"
                )
    return name, limits


def _weight(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no weight: write such as weight=2") from error
