"""`bothsides jobs`: get, list, watch, cancel, retry."""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Annotated

import typer

from bothsides_client.cli.session import Json, err, out, session_of

app = typer.Typer(no_args_is_help=True, help="Look at jobs, and act on them.")

JobId = Annotated[
    str, typer.Argument(metavar="JOB_ID", help="The job's id, as `analyze` or `jobs list` shows it.")
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
    filter: Annotated[  # noqa: A002 - the option's name
        str, typer.Option(help="Such as 'state = FAILED AND queue = \"ai_analysis\"' (AIP-160).")
    ] = "",
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


@app.command("watch")
def watch(
    context: typer.Context,
    job_id: JobId,
    resume_token: Annotated[
        str | None, typer.Option(help="Go on behind the message that carried this token.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Follow a job to its end. With --json every message of the watch is a line."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.analyze import known_conversation
    from bothsides_client.cli.render import show_job
    from bothsides_client.outcome import EXIT_JOB_FAILED, EXIT_OK
    from bothsides_client.progress import display_for
    from bothsides_client.wire import json_line, print_raw

    session, console, last = session_of(context, as_json), out(), pb.Job()
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
    raise typer.Exit(EXIT_OK if last.state == pb.Job.SUCCEEDED else EXIT_JOB_FAILED)


@app.command("cancel")
def cancel(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Stop a job: at once if it waits, as soon as its worker can if it runs."""
    from bothsides_client.cli.render import show_state

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.cancel_job(job_id), show_state)


@app.command("retry")
def retry(context: typer.Context, job_id: JobId, as_json: Json = False) -> None:
    """Start a failed, cancelled or expired job anew."""
    from bothsides_client.cli.render import show_state

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.retry_job(job_id), show_state)
    if not session.json:
        err().print(f"Follow it with: bothsides jobs watch {job_id}", soft_wrap=True, markup=False)
