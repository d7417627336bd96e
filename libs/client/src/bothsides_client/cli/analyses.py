"""`bothsides analyses`: the kept results, get and list."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from bothsides_client.cli.session import Json, out, session_of

app = typer.Typer(no_args_is_help=True, help="Read the kept analyses.")


@app.command("get")
def get(
    context: typer.Context,
    conversation_id: Annotated[str, typer.Argument(help="The conversation that was analysed.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the report as Markdown.")] = False,
    as_json: Json = False,
) -> None:
    """Print the report on a conversation."""
    from bothsides_client.analyze import known_conversation
    from bothsides_client.report import render_report, report_markdown, report_view
    from bothsides_client.wire import json_line, print_raw

    session, console = session_of(context, as_json), out()
    with session.client() as client:
        analysis = client.get_analysis(conversation_id)
        if session.json:
            print_raw(console, json_line(analysis))
            return
        report = report_view(analysis.result, known_conversation(client, conversation_id))
    if markdown:
        print_raw(console, report_markdown(report).rstrip("\n"))
    else:
        render_report(report, console)


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="Show at most so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List the kept analyses, newest first."""
    from bothsides_client.cli.render import show_analyses

    session = session_of(context, as_json)
    with session.client() as client:
        session.show_all(islice(client.list_analyses(page_size=min(limit, 500)), limit), show_analyses)
