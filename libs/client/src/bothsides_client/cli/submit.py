"""`bothsides submit`: jobs of plain actors, one from options or many from JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bothsides_client.cli.complete import queue_names
from bothsides_client.cli.session import Duplicates, Json, Priority, Session, err, out, session_of
from bothsides_client.cli.values import duration, instant, pairs

if TYPE_CHECKING:
    from bothsides.jobs import v1 as pb


def submit(
    context: typer.Context,
    actor: Annotated[
        str | None, typer.Argument(metavar="[ACTOR]", help="The actor's name.", show_default=False)
    ] = None,
    args: Annotated[
        str | None, typer.Option("--args", help="Positional arguments, a JSON array: '[\"a.png\", 80]'.")
    ] = None,
    kwargs: Annotated[str | None, typer.Option(help="Keyword arguments, a JSON object.")] = None,
    queue: Annotated[
        str, typer.Option(help="Where it waits. [default: data_processing]", autocompletion=queue_names)
    ] = "",
    priority: Annotated[Priority, typer.Option(help="How urgent it is.")] = Priority.NORMAL,
    label: Annotated[
        list[str] | None, typer.Option(help="key=value to find it by; repeat for several.")
    ] = None,
    at: Annotated[str | None, typer.Option(help="Earliest start: +5m, or 2030-01-31T08:00.")] = None,
    deadline: Annotated[str | None, typer.Option(help="When the result is needed.")] = None,
    ttl: Annotated[str | None, typer.Option(help="Start within so long, such as 1h, or not at all.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest run of an attempt, such as 90s.")] = None,
    attempts: Annotated[int, typer.Option(min=0, max=100, help="Most attempts. [default: 3]")] = 0,
    unique_key: Annotated[str, typer.Option(help="Jobs with the same key are the same work.")] = "",
    duplicates: Annotated[
        Duplicates, typer.Option(help="What to do while another job of that key is not final.")
    ] = Duplicates.RUN,
    request_id: Annotated[
        str | None,
        typer.Option(help="Make it safe to repeat: the same id and job give the same job for 24 hours."),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Many jobs, a JSON object a line ('-' for standard input): actor, args, kwargs, queue, any "
            "input field of Job, and request_id; or a Job with its spec.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it, and store nothing.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the job to its end.")] = False,
    as_json: Json = False,
) -> None:
    """Submit a job of a plain actor, or many from a file of JSON lines."""
    session = session_of(context, as_json)
    if (actor is None) == (source is None):
        raise typer.BadParameter("name an actor, or give --from")
    if source is not None:
        if watch or dry_run:
            raise typer.BadParameter("--watch and --dry-run go with one job, not with --from")
        raise typer.Exit(_submit_many(session, source, duplicates))
    fields: dict[str, Any] = {"actor": actor, "queue": queue, "unique_key": unique_key}
    if args is not None:
        fields["args"] = json_from(args, list, "--args", "array")
    if kwargs is not None:
        fields["kwargs"] = json_from(kwargs, dict, "--kwargs", "object")
    job = job_from(fields)
    job.labels.update(pairs(label or []))
    for name, text in (("schedule_time", at), ("deadline_time", deadline)):
        if text is not None:
            getattr(job, name).FromDatetime(instant(text))
    for name, text in (("ttl", ttl), ("timeout", timeout)):
        if text is not None:
            getattr(job, name).FromTimedelta(duration(text))
    if attempts:
        job.retry_policy.max_attempts = attempts
    raise typer.Exit(_submit_one(session, job, priority, duplicates, request_id, dry_run, watch))


def _submit_one(
    session: Session,
    job: pb.Job,
    priority: Priority,
    duplicates: Duplicates,
    request_id: str | None,
    dry_run: bool,
    watch: bool,
) -> int:
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.jobs import watch_one
    from bothsides_client.cli.render import show_job, show_state
    from bothsides_client.outcome import EXIT_OK

    job.priority = pb.Job.Priority.Value(priority.name)
    policy = pb.CreateJobRequest.DuplicatePolicy.Value(duplicates.name)
    with session.client() as client:
        created = client.create_job(job, request_id, duplicate_policy=policy, validate_only=dry_run)
    if dry_run:
        session.show(created, show_job)
        return EXIT_OK
    if watch:
        return watch_one(session, created.job_id, None)
    session.show(created, show_state)
    if not session.json:
        follow = f"Follow it with: bothsides jobs watch {created.job_id}"
        err().print(follow, style="dim", soft_wrap=True, markup=False)
    return EXIT_OK


def _submit_many(session: Session, source: Path, duplicates: Duplicates) -> int:
    """Submit each line; print an outcome for each, at its place."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.calls.jobs import new_request_id
    from bothsides_client.cli.files import read_text
    from bothsides_client.cli.render import show_state
    from bothsides_client.outcome import EXIT_OK, exit_code, print_error
    from bothsides_client.wire import as_json

    lines = [line for line in read_text(source, "--from").splitlines() if line.strip()]
    jobs, request_ids = [], []
    for number, line in enumerate(lines, 1):
        fields = json_from(line, dict, f"{source}:{number}", "object")
        request_ids.append(str(fields.pop("request_id", "") or new_request_id()))
        jobs.append(job_from(fields, f"{source}:{number}"))
    policy = pb.CreateJobRequest.DuplicatePolicy.Value(duplicates.name)
    with session.client() as client:
        outcomes = client.create_jobs(jobs, request_ids, duplicate_policy=policy)
    worst, console = EXIT_OK, out()
    for number, outcome in enumerate(outcomes, 1):
        if session.json:
            error = outcome.error
            said = {"reason": error.reason or error.code, "message": error.message} if error else None
            job = None if outcome.job is None else as_json(outcome.job)
            session.say({"line": number, "request_id": outcome.request_id, "job": job, "error": said}, "")
        elif outcome.job is not None:
            show_state(outcome.job, console)
        if outcome.error is not None:
            worst = max(worst, exit_code(outcome.error))
            if not session.json:
                err().print(f"line {number}, request id {outcome.request_id}:", markup=False, soft_wrap=True)
                print_error(outcome.error, err())
    return worst


def job_from(fields: dict[str, Any], place: str = "") -> pb.Job:
    """Return the job that the fields of a line, or of the options, make."""
    from google.protobuf.json_format import ParseDict, ParseError

    from bothsides.jobs import v1 as pb

    generic = {key: fields.pop(key) for key in ("actor", "args", "kwargs", "queue") if fields.get(key)}
    if generic:
        if "spec" in fields:
            raise typer.BadParameter("give actor and arguments, or a spec, not both", param_hint=place)
        fields["spec"] = {"generic": generic}
    try:
        return ParseDict({key: value for key, value in fields.items() if value != ""}, pb.Job())
    except ParseError as error:
        raise typer.BadParameter(f"is no job: {error}", param_hint=place or None) from error


def json_from(text: str, kind: type, place: str, name: str) -> Any:
    """Return JSON of one kind.

    Raises:
        typer.BadParameter: It is none.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise typer.BadParameter(f"is no JSON: {error}", param_hint=place) from error
    except RecursionError as error:
        raise typer.BadParameter("is nested too deeply", param_hint=place) from error
    if not isinstance(value, kind):
        raise typer.BadParameter(f"must be a JSON {name}", param_hint=place)
    return value
