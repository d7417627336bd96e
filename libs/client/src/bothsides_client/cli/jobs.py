"""`bothsides jobs`: get, list, watch, explain, attempts, logs. What changes jobs is in `job_actions`."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Annotated

import typer

from bothsides_client.cli.complete import job_ids
from bothsides_client.cli.session import Json, Session, out, session_of

app = typer.Typer(no_args_is_help=True, help="Look at jobs, and act on them.")

JobId = Annotated[
    str,
    typer.Argument(
        metavar="JOB_ID",
        help="The job's id, as `analyze` or `jobs list` shows it.",
        autocompletion=job_ids,
        show_default=False,
    ),
]
Filter = Annotated[
    str, typer.Option("--filter", help="Such as 'state = FAILED AND queue = \"ai_analysis\"' (AIP-160).")
]


@app.command("get")
def get(
    context: typer.Context,
    job_id: JobId,
    full: Annotated[bool, typer.Option("--full", help="With arguments and result.")] = False,
    as_json: Json = False,
) -> None:
    """Show one job."""
    from bothsides_client.analyze import known_conversation
    from bothsides_client.cli.render import show_job

    session = session_of(context, as_json)
    with session.client() as client:
        job = client.get_job(job_id, full=full)
        conversation = None
        if job.result.HasField("analysis") and not session.json:
            conversation = known_conversation(client, job.conversation_id)
        session.show(job, partial(show_job, conversation=conversation))


@app.command("list")
def list_(
    context: typer.Context,
    filter: Filter = "",  # noqa: A002 - the option's name
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    full: Annotated[bool, typer.Option("--full", help="With arguments and results (for --json).")] = False,
    as_json: Json = False,
) -> None:
    """List jobs, newest first."""
    from bothsides_client.cli.render import show_jobs

    session = session_of(context, as_json)
    with session.client() as client:
        found = client.list_jobs(filter, full=full, page_size=min(limit, 500))
        session.show_all(islice(found, limit), show_jobs)


@app.command("explain")
def explain(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Say why a job has not started: what is in the way, in order, and what clears when."""
    from bothsides_client.cli.render_history import show_explanation

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.explain_job(job_id), show_explanation)


@app.command("attempts")
def attempts(
    context: typer.Context,
    job_id: JobId,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List a job's attempts, the latest first: where each ran, how it ended, what it used."""
    from bothsides_client.cli.render_history import show_attempts

    session = session_of(context, as_json)
    with session.client() as client:
        found = client.list_attempts(job_id, page_size=min(limit, 500))
        session.show_all(islice(found, limit), show_attempts)


@app.command("logs")
def logs(
    context: typer.Context,
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job is final.")] = False,
    as_json: Json = False,
) -> None:
    """Print what the code of a job wrote about its work."""
    from bothsides_client.cli.follow_log import follow_log
    from bothsides_client.cli.render_history import show_log

    session = session_of(context, as_json)
    with session.client() as client:
        entries = follow_log(client, job_id) if follow else client.list_job_logs(job_id, page_size=500)
        session.show_all(entries, show_log)


@app.command("watch")
def watch(
    context: typer.Context,
    job_id: Annotated[
        str | None,
        typer.Argument(metavar="[JOB_ID]", help="One job, to its end.", autocompletion=job_ids),
    ] = None,
    filter: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option("--filter", help="All jobs that match, until interrupted; '' for all.")
    ] = None,
    snapshot: Annotated[
        bool, typer.Option("--snapshot", help="With --filter: begin with the jobs that match now.")
    ] = False,
    full: Annotated[bool, typer.Option("--full", help="With --filter: payloads too, in --json.")] = False,
    resume_token: Annotated[
        str | None, typer.Option(help="Go on behind the message that carried this token.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow a job to its end, or all that match. With --json every message of the watch is a line."""
    session = session_of(context, as_json)
    if (job_id is None) == (filter is None):
        raise typer.BadParameter("name one job, or give --filter")
    if job_id is not None:
        raise typer.Exit(watch_one(session, job_id, resume_token))
    from bothsides_client.cli.render_history import show_events

    with session.client() as client:
        for message in client.watch_jobs(
            filter or "", full=full, include_snapshot=snapshot, resume_token=resume_token
        ):
            session.show(message, show_events)


def watch_one(session: Session, job_id: str, resume_token: str | None) -> int:
    """Follow the job to its end; return the exit code."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.analyze import known_conversation
    from bothsides_client.cli.render import show_job
    from bothsides_client.outcome import EXIT_JOB_FAILED, EXIT_OK
    from bothsides_client.progress import display_for
    from bothsides_client.wire import json_line, print_raw

    console, last = out(), pb.Job()
    with session.client() as client:
        messages = client.watch_job(job_id, full=True, resume_token=resume_token)
        if session.json:
            for message in messages:
                last = message.snapshot if message.HasField("snapshot") else last
                print_raw(console, json_line(message))
        else:
            with display_for(console) as display:
                for message in messages:
                    last = message.snapshot if message.HasField("snapshot") else last
                    display.show(message)
            show_job(last, console, known_conversation(client, last.conversation_id))
    return EXIT_OK if last.state == pb.Job.SUCCEEDED else EXIT_JOB_FAILED
