"""`bothsides conversations`: put, get, list, delete."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from bothsides_client.cli.bulk import Yes, confirm
from bothsides_client.cli.session import Format, Json, session_of

app = typer.Typer(no_args_is_help=True, help="Keep transcripts, and read them back.")


@app.command("put")
def put(
    context: typer.Context,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Transcripts: JSON, WebVTT, SRT or plain text.")
    ],
    format: Annotated[  # noqa: A002 - the option's name
        Format | None, typer.Option(help="What the files are. [default: told from name and content]")
    ] = None,
    as_json: Json = False,
) -> None:
    """Create or replace conversations from files."""
    from bothsides_client.cli.render import show_stored
    from bothsides_client.transcripts import read_transcript

    session = session_of(context, as_json)
    with session.client() as client:
        for file in files:
            conversation = read_transcript(file, format.value if format else None)
            session.show(client.put_conversation(conversation), show_stored)


@app.command("get")
def get(
    context: typer.Context,
    conversation_id: Annotated[str, typer.Argument(help="The conversation's id.")],
    as_json: Json = False,
) -> None:
    """Print a transcript; `analyze` reads what this prints, with and without --json."""
    from bothsides_client.cli.render import show_conversation

    session = session_of(context, as_json)
    with session.client() as client:
        session.show(client.get_conversation(conversation_id), show_conversation)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List conversations without their words, newest first."""
    from bothsides_client.cli.render import show_conversations

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(
            islice(client.list_conversations(page_size=min(limit, 500)), limit), show_conversations
        )


@app.command("delete")
def delete(
    context: typer.Context,
    conversation_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID...]", help="Ids of conversations.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All conversations of the tenant.")] = False,
    with_jobs: Annotated[
        bool,
        typer.Option("--with-jobs", help="Also their jobs, which are cancelled if they run; 1,000 of each."),
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Remove conversations with the models' answers about them and their analyses, for good."""
    named = conversation_ids or []
    if everything == bool(named):
        raise typer.BadParameter("name conversations, or give --all")
    session = session_of(context, as_json)
    with session.client() as client:
        if everything:
            named = [each.conversation_id for each in client.list_conversations(page_size=500)]
        told = f"all {len(named)} conversations" if everything else ", ".join(named)
        confirm(f"Delete {told} for good?", yes=yes, session=session)
        for conversation_id in named:
            done = client.delete_conversation(
                conversation_id, allow_missing=everything, delete_jobs=with_jobs
            )
            session.say(
                {
                    "conversation_id": conversation_id,
                    "answer_count": done.answer_count,
                    "analysis_deleted": done.analysis_deleted,
                    "job_count": done.job_count,
                    "insights_count": done.insights_count,
                    "ending_job_count": done.ending_job_count,
                },
                f"{conversation_id} is deleted, with {done.answer_count} answers of models"
                f"{f', {done.job_count} jobs' if with_jobs else ''}"
                f"{' and its analysis' if done.analysis_deleted else ''}."
                f"{_still_ending(done.ending_job_count)}",
            )


def _still_ending(count: int) -> str:
    return f" Jobs that have not stopped yet: {count}; repeat it to remove them." if count else ""
