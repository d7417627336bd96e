"""Show what the processes of a stack write, as it comes, each line behind its process's name."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from bothsides_stack.children import ChildProcess

#: One after another for each new process, so that neighbours differ.
COLOURS = ("cyan", "magenta", "green", "yellow", "blue")


class LogFollower:
    """Remembers how far it has read each log. Prints whole lines only."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._read_bytes: dict[str, int] = {}

    def show_new(self, children: Iterable[ChildProcess]) -> None:
        """Print every line that was completed since the last call."""
        for child in children:
            for line in self._new_lines(child):
                prefix = Text(f"{child.name:>10} | ", style=self._colour(child.name))
                self._console.print(prefix + Text(line), soft_wrap=True)

    def _new_lines(self, child: ChildProcess) -> list[str]:
        start = self._read_bytes.setdefault(child.name, 0)
        try:
            with child.log_path.open("rb") as log:
                log.seek(start)
                complete, newline, _ = log.read().rpartition(b"\n")
        except FileNotFoundError:
            return []
        self._read_bytes[child.name] = start + len(complete) + len(newline)
        return complete.decode(errors="replace").splitlines()

    def _colour(self, name: str) -> str:
        return COLOURS[list(self._read_bytes).index(name) % len(COLOURS)]
