"""How a command ends: its exit code, and how an error reads on standard error."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.text import Text

from bothsides_client.errors import (
    BadSetting,
    BothSidesError,
    DeadlineExceeded,
    InvalidRequest,
    RequestFailed,
    TranscriptError,
    Unavailable,
)

EXIT_OK: Final = 0
#: The job did not succeed, or the server refused or failed.
EXIT_JOB_FAILED: Final = 1
#: Bad usage or bad input.
EXIT_USAGE: Final = 2
#: Nobody answers.
EXIT_UNAVAILABLE: Final = 3
#: A fault of the command itself (EX_SOFTWARE of sysexits.h).
EXIT_FAULT: Final = 70
#: Interrupted: 128 + SIGINT.
EXIT_INTERRUPTED: Final = 130


def exit_code(error: BothSidesError) -> int:
    """Return the exit code that says what kind of error it was."""
    match error:
        case TranscriptError() | BadSetting() | InvalidRequest():
            return EXIT_USAGE
        case Unavailable() | DeadlineExceeded():
            return EXIT_UNAVAILABLE
    return EXIT_JOB_FAILED


def print_error(error: BothSidesError, console: Console) -> None:
    """Say what happened and the way out; several wrong fields have a line each."""
    if isinstance(error, RequestFailed) and len(error.field_violations) > 1:
        console.print(Text(f"error: {len(error.field_violations)} fields are wrong", style="bold red"))
        for violation in error.field_violations:
            console.print(Text(f"  {violation.field}: {violation.description}"), soft_wrap=True)
    else:
        console.print(Text.assemble(("error: ", "bold red"), str(error)), soft_wrap=True)
    advice = error.advice
    if isinstance(error, RequestFailed) and error.retry_after_s:
        advice = f"try again in {error.retry_after_s:.3g} s"
    elif isinstance(error, RequestFailed) and error.reason:
        advice = ""  # the server's own words say the way out
    if advice:
        console.print(Text(f"hint: {advice}", style="dim"), soft_wrap=True)
