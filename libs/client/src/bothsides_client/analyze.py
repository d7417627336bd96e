"""Submit a debate and follow its analysis to the report: what `bothsides analyze` does.

`submit` and `follow` are the two halves, so that several debates can be submitted before the first is
followed; `run_analyze` is both for one file, with every error printed and turned into an exit code.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.client import Client
from bothsides_client.errors import BothSidesError, NotFound, PermissionDenied
from bothsides_client.outcome import EXIT_JOB_FAILED, EXIT_OK, exit_code, print_error
from bothsides_client.progress import display_for
from bothsides_client.report import render_report, report_markdown, report_view
from bothsides_client.transcripts import read_transcript
from bothsides_client.wire import json_line, print_raw

#: Names that `--dimension` takes.
DIMENSIONS: Final = {
    name.removeprefix("DIMENSION_").lower(): number
    for name, number in pb.Dimension.items()
    if number != pb.DIMENSION_UNSPECIFIED
}


@dataclass(frozen=True, slots=True)
class Submitted:
    """A debate on its way."""

    conversation: pb.Conversation
    job: pb.Job


def run_analyze(
    client: Client,
    path: str | os.PathLike[str],
    *,
    console: Console,
    dimensions: Sequence[str],
    detailed: bool,
    watch: bool,
    json_output: bool,
) -> int:
    """Analyse one file and return the exit code: 0 done, 1 failed, 2 bad input, 3 no server.

    Args:
        client: Connected to a scheduler.
        path: The transcript.
        console: Where progress and report, or the JSON, go; errors go to standard error.
        dimensions: Names of `DIMENSIONS`; empty for all.
        detailed: Ask for series and spans too.
        watch: Follow to the end; otherwise return once the job is accepted.
        json_output: Print the job as one JSON object instead of progress and report.
    """
    try:
        submitted = submit(client, path, dimensions=dimensions, detailed=detailed)
        if watch:
            return follow(client, submitted, console=console, json_output=json_output)
        print_accepted(submitted, console=console, json_output=json_output)
    except BothSidesError as error:
        print_error(error, Console(stderr=True))
        return exit_code(error)
    return EXIT_OK


def submit(
    client: Client,
    path: str | os.PathLike[str],
    *,
    dimensions: Sequence[str] = (),
    detailed: bool = False,
    models: Sequence[str] = (),
    max_cost_micro_usd: int = 0,
    engine: pb.TranscriptAnalysisSpec.Engine.ValueType = pb.TranscriptAnalysisSpec.ENGINE_UNSPECIFIED,
    on_unavailable: pb.TranscriptAnalysisSpec.OnUnavailable.ValueType = (
        pb.TranscriptAnalysisSpec.ON_UNAVAILABLE_UNSPECIFIED
    ),
    force_refresh: bool = False,
    format: str | None = None,  # noqa: A002 - what it is called
    priority: pb.Job.Priority.ValueType = pb.Job.PRIORITY_UNSPECIFIED,
    request_id: str | None = None,
) -> Submitted:
    """Put the conversation of the file and create its TRANSCRIPT_ANALYSIS job.

    Raises:
        BothSidesError: The file is no transcript, or a call failed.
        KeyError: A dimension is not in `DIMENSIONS`.
    """
    conversation = read_transcript(path, format)
    client.put_conversation(conversation)
    spec = pb.TranscriptAnalysisSpec(
        conversation_id=conversation.conversation_id,
        dimensions=[DIMENSIONS[name] for name in dimensions],
        include_detailed=detailed,
        models=models,
        max_cost_micro_usd=max_cost_micro_usd,
        engine=engine,
        on_unavailable=on_unavailable,
        force_refresh=force_refresh,
    )
    job = pb.Job(spec=pb.JobSpec(transcript_analysis=spec), priority=priority)
    return Submitted(conversation, client.create_job(job, request_id))


def print_accepted(submitted: Submitted, *, console: Console, json_output: bool) -> None:
    """Say that the job is accepted, and how to see its end."""
    if json_output:
        print_raw(console, json_line(submitted.job))
        return
    job_id = submitted.job.job_id
    console.print(
        Text(f"Job {job_id} accepted for {submitted.conversation.conversation_id}."), soft_wrap=True
    )
    console.print(Text(f"Follow it with: bothsides jobs watch {job_id}", style="dim"), soft_wrap=True)


def follow(
    client: Client,
    submitted: Submitted,
    *,
    console: Console,
    json_output: bool = False,
    markdown: bool = False,
) -> int:
    """Show progress until the job is final, then print its report; return the exit code.

    With `json_output` or `markdown` nothing but the final job, or the report, is printed.

    Raises:
        RequestFailed: The watch failed.
    """
    job = pb.Job()
    messages = client.watch_job(submitted.job.job_id, full=True)
    if json_output or markdown:
        for message in messages:
            job = message.snapshot if message.HasField("snapshot") else job
    else:
        with display_for(console) as display:
            for message in messages:
                display.show(message)
                job = message.snapshot if message.HasField("snapshot") else job
    if json_output:
        print_raw(console, json_line(job))
    elif job.state == pb.Job.SUCCEEDED:
        report = report_view(job.result.analysis, submitted.conversation)
        if markdown:
            print_raw(console, report_markdown(report).rstrip("\n"))
        else:
            render_report(report, console)
    else:
        print_unsuccessful(job, Console(stderr=True))
    return EXIT_OK if job.state == pb.Job.SUCCEEDED else EXIT_JOB_FAILED


def print_unsuccessful(job: pb.Job, console: Console) -> None:
    """Say why a final job has no result, and what to do."""
    state = pb.Job.State.Name(job.state)
    console.print(Text(f"Job {job.job_id} ended {state}.", style="bold"), soft_wrap=True)
    if job.HasField("last_error"):
        kind = pb.JobError.ErrorClass.Name(job.last_error.error_class)
        console.print(Text(f"{kind} {job.last_error.reason}: {job.last_error.message}"), soft_wrap=True)
        if job.last_error.suggestion:
            console.print(Text(job.last_error.suggestion), soft_wrap=True)
    console.print(Text(f"Start it anew with: bothsides jobs retry {job.job_id}", style="dim"), soft_wrap=True)


def known_conversation(client: Client, conversation_id: str) -> pb.Conversation | None:
    """Return the conversation for its names; None if it is gone or not allowed: a report can do without.

    Raises:
        RequestFailed: The call failed for another reason.
    """
    if not conversation_id:
        return None
    try:
        return client.get_conversation(conversation_id)
    except (NotFound, PermissionDenied):
        return None
