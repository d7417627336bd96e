"""All that can go wrong with a local stack.

    StackError
    ├── ServerProgramNotFound   no Valkey or Redis is installed
    ├── AddressInUse            something else listens where a service should
    ├── DidNotStart             a process runs but does not answer, or ended while it was starting
    └── ChildDied               a process ended without being asked to

Every message says what happened and what to do or look at.
"""

from __future__ import annotations

import signal

from bothsides_stack.children import ChildProcess


class StackError(RuntimeError):
    """The stack cannot be started, or does not run any more."""


class ServerProgramNotFound(StackError):
    """No Valkey or Redis server that could be started is installed."""


class AddressInUse(StackError):
    """Something else listens where a service was told to."""

    def __init__(self, address: str, variable: str) -> None:
        super().__init__(f"{address} is in use: stop what listens there, or choose another {variable}")
        self.address = address


class DidNotStart(StackError):
    """A process does not answer although it had its time."""

    def __init__(self, child: ChildProcess, because: str) -> None:
        super().__init__(f"{child.name} {because}; {_end_of_log(child)}")
        self.name = child.name


class ChildDied(StackError):
    """A process of the stack ended without being asked to."""

    def __init__(self, child: ChildProcess) -> None:
        super().__init__(f"{child.name} {how_it_ended(child)}; {_end_of_log(child)}")
        self.name = child.name
        self.returncode = child.returncode
        self.last_lines = tuple(child.last_lines())


def how_it_ended(child: ChildProcess) -> str:
    """Return the predicate of a sentence about a process that has ended."""
    code = child.returncode
    if code is None:
        return "still runs"
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"


def _end_of_log(child: ChildProcess) -> str:
    lines = "\n  ".join(child.last_lines()) or "(it wrote nothing)"
    return f"the end of {child.log_path}:\n  {lines}"
