"""`bothsides analyze`: submit debates, and see them through to their reports."""

from __future__ import annotations

from typing import Annotated

import typer

from bothsides_client.cli.session import (
    DimensionName,
    EngineName,
    Format,
    Json,
    Priority,
    WhenUnavailable,
    err,
    out,
    session_of,
)


def analyze(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Transcripts: JSON, WebVTT, SRT or plain text.")
    ],
    watch: Annotated[
        bool, typer.Option("--watch/--no-watch", help="Follow each job and print its report.")
    ] = True,
    dimension: Annotated[
        list[DimensionName] | None, typer.Option(help="Compute only this; repeat for several. [default: all]")
    ] = None,
    detailed: Annotated[bool, typer.Option("--detailed", help="Keep series, spans and every claim.")] = False,
    model: Annotated[
        list[str] | None,
        typer.Option(help="The model to ask; repeat for those to ask in its place. [default: the workers']"),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(metavar="USD", min=0.000001, max=1000, help="The most that its paid calls may cost."),
    ] = None,
    engine: Annotated[
        EngineName | None,
        typer.Option(
            help="Who analyses; with local no text leaves. [default: a model, where workers have one]"
        ),
    ] = None,
    on_unavailable: Annotated[
        WhenUnavailable | None,
        typer.Option(help="Without an answer: the local engine, other models, or wait. [default: degrade]"),
    ] = None,
    force_refresh: Annotated[
        bool, typer.Option("--force-refresh", help="Ask, and pay, for answers that were paid for already.")
    ] = False,
    priority: Annotated[Priority, typer.Option(help="How urgent it is.")] = Priority.NORMAL,
    request_id: Annotated[
        str | None,
        typer.Option(help="Make it safe to repeat: the same id and file give the same job for 24 hours."),
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        Format | None, typer.Option(help="What the files are. [default: told from name and content]")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the reports as Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Analyse debates: put each transcript, create its job, follow it, and print its report.

    All files are submitted before the first is followed. With --json the final job is printed, one line a
    file, with its result.
    """
    if request_id is not None and len(files) > 1:
        raise typer.BadParameter("names one job: give one file with it", param_hint="--request-id")
    from bothsides.jobs import v1 as pb
    from bothsides_client.analyze import follow, print_accepted, submit
    from bothsides_client.errors import BothSidesError
    from bothsides_client.outcome import EXIT_INTERRUPTED, exit_code, print_error

    spec = pb.TranscriptAnalysisSpec
    session, console, worst = session_of(context, as_json), out(), 0
    with session.client() as client:
        submitted = []
        for file in files:
            try:
                one = submit(
                    client,
                    file,
                    dimensions=[each.value for each in dimension or ()],
                    detailed=detailed,
                    models=model or (),
                    max_cost_micro_usd=0 if max_cost is None else round(max_cost * 1_000_000),
                    engine=spec.Engine.Value(engine.name if engine else "ENGINE_UNSPECIFIED"),
                    on_unavailable=spec.OnUnavailable.Value(
                        on_unavailable.name if on_unavailable else "ON_UNAVAILABLE_UNSPECIFIED"
                    ),
                    force_refresh=force_refresh,
                    format=format.value if format else None,
                    priority=pb.Job.Priority.Value(priority.name),
                    request_id=request_id,
                )
            except BothSidesError as error:
                print_error(error, err())
                worst = max(worst, exit_code(error))
            else:
                submitted.append(one)
                if not watch:
                    print_accepted(one, console=console, json_output=session.json)
        try:
            for one in submitted if watch else ():
                ended = follow(client, one, console=console, json_output=session.json, markdown=markdown)
                worst = max(worst, ended)
        except KeyboardInterrupt as interrupt:
            going_on = ", ".join(one.job.job_id for one in submitted)
            err().print(
                f"Interrupted; submitted jobs go on: {going_on}\n"
                "Stop one with `bothsides jobs cancel`, see one again with `bothsides jobs watch`.",
                soft_wrap=True,
                markup=False,
            )
            raise typer.Exit(EXIT_INTERRUPTED) from interrupt
    raise typer.Exit(worst)
