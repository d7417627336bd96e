"""Put the command line together: global options, the commands, and those of other packages.

Every error ends here, in words on standard error, with an exit code of `outcome`; a traceback never does, for
its frames may hold what is private.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from bothsides_client.addresses import DEFAULT_MONITOR_ADDR, DEFAULT_SCHEDULER_ADDR
from bothsides_client.cli import (
    analyses,
    analyze,
    batches,
    completion,
    conversations,
    failures,
    insights,
    job_actions,
    monitoring,
    providers,
    queues,
    submit,
)
from bothsides_client.cli.session import err, session_from
from bothsides_client.errors import BothSidesError

#: What the command is called, however it was started; completion depends on it.
PROGRAM: Final = "bothsides"
#: Other packages add commands under it: name = "module:function".
PLUGIN_GROUP: Final = "bothsides.commands"
#: Set to show where a fault of the program itself is.
TRACEBACK: Final = "BOTHSIDES_TRACEBACK"


class Commands(TyperGroup):
    """The group of all commands; turns what they raise into words and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        from bothsides_client.outcome import EXIT_FAULT, EXIT_INTERRUPTED, exit_code, print_error

        try:
            return super().invoke(ctx)
        except BothSidesError as error:
            print_error(error, err())
            raise typer.Exit(exit_code(error)) from error
        except KeyboardInterrupt as interrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from interrupt
        except (TyperException, typer.Exit, typer.Abort, BrokenPipeError):
            raise  # each has an end of its own
        except Exception as error:
            if os.environ.get(TRACEBACK):
                raise
            err().print(
                f"error: bothsides itself failed, with {type(error).__name__}\n"
                f"hint: report it; {TRACEBACK}=1 shows where, and may show private data",
                markup=False,
                soft_wrap=True,
            )
            raise typer.Exit(EXIT_FAULT) from error


def options(
    context: typer.Context,
    scheduler: Annotated[
        str,
        typer.Option(
            envvar="BOTHSIDES_SCHEDULER_ADDR",
            help="Address of the scheduler; of several replicas, all with commas between.",
        ),
    ] = DEFAULT_SCHEDULER_ADDR,
    monitor: Annotated[
        str, typer.Option(envvar="BOTHSIDES_MONITOR_ADDR", help="Address of the monitor.")
    ] = DEFAULT_MONITOR_ADDR,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="BOTHSIDES_TOKEN", show_envvar=True, help="Bearer token, if the services ask for one."
        ),
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(envvar="BOTHSIDES_TOKEN_FILE", help="File that holds it, read again when it changes."),
    ] = None,
    as_tenant: Annotated[
        str | None,
        typer.Option(envvar="BOTHSIDES_TENANT", help="Act for this tenant, one that the token opens."),
    ] = None,
    tls: Annotated[
        bool,
        typer.Option("--tls", envvar="BOTHSIDES_TLS", help="Speak TLS, and trust the system's certificates."),
    ] = False,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            envvar="BOTHSIDES_CA_FILE", help="Speak TLS, and trust the certificates in this PEM file."
        ),
    ] = None,
    cert_file: Annotated[
        Path | None,
        typer.Option(envvar="BOTHSIDES_CERT_FILE", help="Own certificate (PEM), where servers ask for one."),
    ] = None,
    key_file: Annotated[Path | None, typer.Option(envvar="BOTHSIDES_KEY_FILE", help="Its key (PEM).")] = None,
    server_name: Annotated[
        str | None,
        typer.Option(envvar="BOTHSIDES_SERVER_NAME", help="Name in the servers' certificates, if another."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object a line, and nothing else.")
    ] = False,
) -> None:
    """Submit jobs, watch and explain them, and look after the queues."""
    if token and token_file:
        raise typer.BadParameter("give the token or its file, not both", param_hint="--token-file")
    context.obj = session_from(context.params)


def build_app() -> typer.Typer:
    """Return the application with the commands of all installed packages."""
    app = typer.Typer(
        cls=Commands,
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,  # its frames show local variables, and those hold transcripts
    )
    app.callback()(options)
    app.command("analyze")(analyze.analyze)
    app.command("submit")(submit.submit)
    app.add_typer(job_actions.app, name="jobs")
    app.add_typer(batches.app, name="batches")
    app.add_typer(failures.app, name="failures")
    app.add_typer(queues.app, name="queues")
    app.add_typer(providers.limits, name="limits")
    app.add_typer(providers.circuits, name="circuits")
    app.add_typer(providers.budgets, name="budgets")
    app.add_typer(conversations.app, name="conversations")
    app.add_typer(analyses.app, name="analyses")
    app.add_typer(insights.app, name="insights")
    app.command("health")(monitoring.health)
    app.add_typer(monitoring.workers, name="workers")
    app.command("completion")(completion.completion)
    for plugin in sorted(entry_points(group=PLUGIN_GROUP), key=lambda each: each.name):
        try:
            command = plugin.load()
        except Exception as error:
            print(f"warning: the command {plugin.name!r} cannot be loaded: {error}", file=sys.stderr)
            continue
        app.command(plugin.name)(command)
    return app


def main() -> None:
    """Run the command line; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a report in a narrow locale is better than none
    build_app()(prog_name=PROGRAM)
