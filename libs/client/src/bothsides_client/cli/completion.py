"""`bothsides completion`: the script by which a shell completes commands, options, ids and names."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Shell(StrEnum):
    """Shells that a script can be written for."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="Which shell.")],
) -> None:
    """Print the script of completion: source <(bothsides completion bash).

    `bothsides --install-completion` installs it for the present shell instead. Job ids, queue names and
    fingerprints come from the server that the environment names; without one, none are offered.
    """
    from typer._completion_shared import get_completion_script

    variable = "_BOTHSIDES_COMPLETE"
    typer.echo(get_completion_script(prog_name="bothsides", complete_var=variable, shell=shell.value))
