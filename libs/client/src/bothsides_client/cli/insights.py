"""`bothsides insights`: how a participant's debating develops, make and get."""

from __future__ import annotations

from typing import Annotated

import typer

from bothsides_client.cli.session import Json, Session, session_of

app = typer.Typer(no_args_is_help=True, help="See how a participant's debating develops.")

Participant = Annotated[str, typer.Argument(help="The participant, as named in the conversations.")]


@app.command("make")
def make(
    context: typer.Context,
    participant_id: Participant,
    conversation_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[CONVERSATION...]",
            help="Their conversations in the order in which they were held. [default: all kept analyses]",
            show_default=False,
        ),
    ] = None,
    max_analyses: Annotated[
        int, typer.Option(min=0, max=5000, help="Look through so many kept analyses. [default: 500]")
    ] = 0,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="The model to tell them; repeat for those to ask in its place. [default: the workers']"
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(metavar="USD", min=0.000001, max=1000, help="The most that its paid calls may cost."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Follow the job to its end.")] = True,
    as_json: Json = False,
) -> None:
    """Make a participant's insights of the kept analyses, and print them."""
    from bothsides.jobs import v1 as pb
    from bothsides_client.cli.jobs import watch_one
    from bothsides_client.cli.render import show_state

    session = session_of(context, as_json)
    spec = pb.LearningInsightsSpec(
        participant_id=participant_id,
        conversation_ids=conversation_ids or (),
        max_analyses=max_analyses,
        models=model or (),
        max_cost_micro_usd=0 if max_cost is None else round(max_cost * 1_000_000),
    )
    with session.client() as client:
        created = client.create_job(pb.Job(spec=pb.JobSpec(learning_insights=spec)))
    if not watch:
        session.show(created, show_state)
        return
    ended = watch_one(session, created.job_id, None)
    if ended == 0 and not session.json:
        _show(session, participant_id)
    raise typer.Exit(ended)


@app.command("get")
def get(context: typer.Context, participant_id: Participant, as_json: Json = False) -> None:
    """Print a participant's latest kept insights."""
    _show(session_of(context, as_json), participant_id)


def _show(session: Session, participant_id: str) -> None:
    from bothsides_client.cli.render_insights import show_insights

    with session.client() as client:
        session.show(client.get_insights(participant_id), show_insights)
