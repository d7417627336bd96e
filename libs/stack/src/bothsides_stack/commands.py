"""The commands that the stack adds to `bothsides`: `up` and `demo`.

What they import at the top is what `bothsides --help` pays for; the rest is imported when a command runs.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from bothsides_stack.supervisor import Supervisor

DEFAULT_EXAMPLE: Final = "night_trains.vtt"
#: Between two looks at the logs and the processes while `up` runs.
LOOK_EVERY_S: Final = 0.1


def up(
    workers: Annotated[int, typer.Option(min=0, help="How many workers to start.")] = 1,
    scheduler_addr: Annotated[
        str, typer.Option(envvar="SCHEDULER_ADDR", help="Where the scheduler listens.")
    ] = "127.0.0.1:50051",
    monitor_addr: Annotated[
        str, typer.Option(envvar="MONITOR_ADDR", help="Where the monitor listens.")
    ] = "127.0.0.1:50052",
    worker_health_addr: Annotated[
        str | None,
        typer.Option(
            envvar="WORKER_HEALTH_ADDR",
            help="Where the first worker's health listens; that of others, and by default, on any free port.",
        ),
    ] = None,
    run_dir: Annotated[
        Path | None, typer.Option(help="Keep logs and the embedded server's data in this folder.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not echo the services' logs.")] = False,
) -> None:
    """Run the whole stack here until interrupted: server, scheduler, monitor and workers.

    The embedded server is used, unless REDIS_URL or REDIS_HOST names one. Configuration is read from the
    environment by the services themselves.
    """
    from rich.console import Console

    from bothsides_stack.environment import split_address
    from bothsides_stack.follow import LogFollower
    from bothsides_stack.supervisor import Supervisor

    console = Console(stderr=True)
    if os.environ.get("TLS_CERT_FILE"):
        console.print(
            "The local stack speaks plain text: unset TLS_CERT_FILE, or run the services themselves."
        )
        raise typer.Exit(2)
    addresses = {"scheduler": scheduler_addr, "monitor": monitor_addr, "worker-health": worker_health_addr}
    for name, address in addresses.items():
        try:
            if address:
                split_address(address)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=f"--{name}-addr") from error
    named = {name.replace("-", "_").upper(): address for name, address in addresses.items()}
    env = {f"{name}_ADDR": address for name, address in named.items() if address}
    stack = Supervisor(workers=workers, env=env, run_dir=run_dir)

    def serve(stack: Supervisor) -> int:
        follower = LogFollower(console)
        introduce(stack, console)
        while True:
            if not quiet:
                follower.show_new(stack.processes.values())
            stack.check()
            time.sleep(LOOK_EVERY_S)

    raise typer.Exit(run(stack, serve, console))


def demo(
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A debate: JSON, WebVTT, SRT or plain text."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Afterwards, leave the stack running until interrupted.")
    ] = False,
) -> None:
    """Start a private stack, analyse an example debate while you watch, and stop everything.

    Uses free ports, a temporary folder and the built-in engine; takes no setting, key or server from the
    environment, so that it does the same everywhere.
    """
    from rich.console import Console

    from bothsides_stack.supervisor import Supervisor
    from bothsides_stack.watch import interrupt_if_one_dies

    console = Console()
    debate = file or example_debate(DEFAULT_EXAMPLE)
    stack = Supervisor(inherit=False)

    def analyse(stack: Supervisor) -> int:
        from bothsides_client.analyze import run_analyze
        from bothsides_client.client import Client

        console.print(f"Analysing {debate.name}")
        with (
            interrupt_if_one_dies(stack),
            Client(scheduler_addr=stack.scheduler_addr, monitor_addr=stack.monitor_addr) as client,
        ):
            status = run_analyze(
                client, debate, console=console, dimensions=(), detailed=False, watch=True, json_output=False
            )
        if keep and status == 0:
            introduce(stack, console)
            while True:
                stack.check()
                time.sleep(LOOK_EVERY_S)
        return status

    raise typer.Exit(run(stack, analyse, console))


def run(stack: Supervisor, body: Callable[[Supervisor], int], console: Console) -> int:
    """Start the stack, run `body`, and stop the stack whatever happens.

    Returns:
        The body's exit code; 1 if the stack failed; 128 + the signal if one ended it.
    """
    from bothsides_stack.errors import StackError
    from bothsides_stack.interrupts import Interrupted, interrupts

    with interrupts(stack.hurry) as shield:
        try:
            began = time.monotonic()
            console.print("Starting the stack: server, scheduler, monitor, worker ...")
            stack.start()
            console.print(f"Ready after {time.monotonic() - began:.1f} s.")
            code = body(stack)
        except Interrupted as interrupt:
            console.print("Stopping ...")
            code = interrupt.exit_code
        except StackError as error:
            console.print(str(error), style="red", markup=False, highlight=False, soft_wrap=True)
            code = 1
        finally:
            shield()
            late = stack.stop()
        if late:
            console.print(f"Had to be killed, for they did not end in time: {', '.join(late)}")
    console.print("Everything is stopped.")
    return code


def introduce(stack: Supervisor, console: Console) -> None:
    """Say where everything is, and how a client in another terminal finds it."""
    from bothsides_stack.environment import STORE_FILE

    server = stack.server
    store = f"embedded, 127.0.0.1:{server.port}" if server else "the one that the environment names"
    lines = (
        f"scheduler  {stack.scheduler_addr}",
        f"monitor    {stack.monitor_addr}",
        f"server     {store}",
        f"logs       {stack.run_dir}",
        "",
        "In another terminal:",
        f"  export BOTHSIDES_SCHEDULER_ADDR={stack.scheduler_addr} "
        f"BOTHSIDES_MONITOR_ADDR={stack.monitor_addr}",
        "  bothsides analyze examples/school_phones.json --watch",
        *([f"  . {stack.run_dir / STORE_FILE}   # REDIS_URL, for actors of your own"] if server else []),
        "Ctrl-C stops everything.",
    )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def example_debate(name: str) -> Path:
    """Return one of the project's examples, from the checkout this is installed from or called in.

    Raises:
        typer.BadParameter: There is no examples/ folder; the demo then needs a file.
    """
    here = Path(__file__).resolve()
    for folder in (*here.parents, Path.cwd(), *Path.cwd().parents):
        example = folder / "examples" / name
        if example.is_file():
            return example
    raise typer.BadParameter(f"examples/{name} was not found; give a debate of your own", param_hint="--file")
