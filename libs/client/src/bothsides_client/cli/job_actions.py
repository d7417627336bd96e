"""`bothsides jobs`: cancel, retry, update, delete; one job, or all that match a filter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bothsides_client.cli import jobs
from bothsides_client.cli.bulk import DryRun, Max, Pace, Yes, change_many, confirm
from bothsides_client.cli.complete import job_ids
from bothsides_client.cli.jobs import JobId
from bothsides_client.cli.session import Json, Priority, err, session_of
from bothsides_client.cli.values import duration, instant, or_none, pairs, whole

if TYPE_CHECKING:
    from bothsides.jobs import v1 as pb

#: The commands of `jobs`, to which those of this module are added.
app = jobs.app

OneOrNone = Annotated[str | None, typer.Argument(metavar="[JOB_ID]", help="One job.", autocompletion=job_ids)]
ManyFilter = Annotated[
    str | None, typer.Option("--filter", help="All jobs that match (AIP-160), after a look and a yes.")
]


@app.command("cancel")
def cancel(
    context: typer.Context,
    job_id: OneOrNone = None,
    filter: ManyFilter = None,  # noqa: A002 - the option's name
    dry_run: DryRun = False,
    most: Max = 1_000,
    pace: Pace = 100,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Stop a job, at once if it waits, as soon as its worker can if it runs; or all that match."""
    from bothsides_client.cli.render import show_state

    session = session_of(context, as_json)
    _one_or_filter(job_id, filter)
    with session.client() as client:
        if job_id is not None:
            session.show(client.cancel_job(job_id), show_state)
        elif filter is not None:
            call = client.bulk_cancel_jobs
            change_many(session, call, filter, "cancel", dry_run=dry_run, most=most, pace=pace, yes=yes)


@app.command("retry")
def retry(
    context: typer.Context,
    job_id: OneOrNone = None,
    spec: Annotated[
        Path | None,
        typer.Option("--spec", help="Run it with the spec in this JSON file ('-' for standard input)."),
    ] = None,
    filter: ManyFilter = None,  # noqa: A002 - the option's name
    dry_run: DryRun = False,
    most: Max = 1_000,
    pace: Pace = 100,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Start a failed, cancelled or expired job anew, with another spec if one is given; or all that match."""
    from bothsides_client.cli.render import show_state

    session = session_of(context, as_json)
    _one_or_filter(job_id, filter)
    if spec is not None and job_id is None:
        raise typer.BadParameter("goes with one job, not with a filter", param_hint="--spec")
    with session.client() as client:
        if job_id is not None:
            session.show(client.retry_job(job_id, None if spec is None else _spec(spec)), show_state)
            if not session.json:
                err().print(f"Follow it with: bothsides jobs watch {job_id}", soft_wrap=True, markup=False)
        elif filter is not None:
            call = client.bulk_retry_jobs
            change_many(session, call, filter, "retry", dry_run=dry_run, most=most, pace=pace, yes=yes)


@app.command("update")
def update(
    context: typer.Context,
    job_id: JobId,
    priority: Annotated[Priority | None, typer.Option(help="How urgent it is.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Set key=value; repeat for several.")] = None,
    no_label: Annotated[list[str] | None, typer.Option(help="Remove the key; repeat for several.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Earliest start: +5m, 2030-01-31T08:00, or none for at once.")
    ] = None,
    deadline: Annotated[str | None, typer.Option(help="When the result is needed, or none.")] = None,
    expire: Annotated[str | None, typer.Option(help="Start by then or not at all: +1h, or none.")] = None,
    timeout: Annotated[str | None, typer.Option(help="Longest run of an attempt: 90s, or none.")] = None,
    attempts: Annotated[str | None, typer.Option(help="Most attempts, or none for the default.")] = None,
    as_json: Json = False,
) -> None:
    """Change a job that waits; what is not named stays as it is, and "none" returns to the default."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.render import show_job

    session = session_of(context, as_json)
    job, fields = pb.Job(job_id=job_id), list[str]()
    if priority is not None:
        job.priority = pb.Job.Priority.Value(priority.name)
        fields.append("priority")
    for field, text in (("schedule_time", at), ("deadline_time", deadline), ("expire_time", expire)):
        if text is not None:
            fields.append(field)
            if (moment := or_none(text, instant)) is not None:
                getattr(job, field).FromDatetime(moment)
    if timeout is not None:
        fields.append("timeout")
        if (length := or_none(timeout, duration)) is not None:
            job.timeout.FromTimedelta(length)
    most = None if attempts is None else or_none(attempts, whole)
    labels = pairs(label or [])
    with session.client() as client:
        if labels or no_label or attempts is not None:
            present = client.get_job(job_id)
            job.etag = present.etag  # what is changed in part must not have changed meanwhile
            if labels or no_label:
                fields.append("labels")
                merged = {**present.labels, **labels}
                job.labels.update(
                    {key: value for key, value in merged.items() if key not in (no_label or ())}
                )
            if attempts is not None:
                fields.append("retry_policy")
                job.retry_policy.CopyFrom(present.retry_policy)
                job.retry_policy.max_attempts = most or 0
        if not fields:
            raise typer.BadParameter("name what to change; `bothsides jobs update --help` lists it")
        session.show(client.update_job(job, fields), show_job)


@app.command("delete")
def delete(context: typer.Context, job_id: JobId, yes: Yes = False, as_json: Json = False) -> None:
    """Remove a final job with its result, attempts and log, for good."""
    session = session_of(context, as_json)
    confirm(f"Delete {job_id} for good?", yes=yes, session=session)
    with session.client() as client:
        client.delete_job(job_id)
    session.say({"job_id": job_id, "deleted": True}, f"{job_id} is deleted.")


def _one_or_filter(job_id: str | None, filter: str | None) -> None:  # noqa: A002 - the option's name
    if (job_id is None) == (filter is None):
        raise typer.BadParameter("name one job, or give --filter")


def _spec(path: Path) -> pb.JobSpec:
    from google.protobuf.json_format import ParseDict, ParseError

    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.files import read_text

    try:
        content = json.loads(read_text(path, "--spec"))
        if isinstance(content, dict) and isinstance(content.get("spec"), dict):
            content = content["spec"]  # as `jobs get --full --json` prints it, around the spec
        return ParseDict(content, pb.JobSpec())
    except (ParseError, ValueError) as error:
        raise typer.BadParameter(f"{path} is no spec: {error}", param_hint="--spec") from error
