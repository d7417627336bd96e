"""Input from a file, or from standard input as "-"."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import typer

#: As much as the largest message may have.
LIMIT_BYTES: Final = 256 * 1024 * 1024


def read_text(path: Path, option: str) -> str:
    """Return the content as text.

    Raises:
        typer.BadParameter: It cannot be read.
    """
    try:
        content = sys.stdin.buffer.read(LIMIT_BYTES + 1) if str(path) == "-" else path.read_bytes()
        if len(content) > LIMIT_BYTES:
            raise typer.BadParameter(f"{path} is larger than 256 MiB", param_hint=option)
        return content.decode("utf-8-sig")
    except OSError as error:
        raise typer.BadParameter(f"{path} cannot be read: {error.strerror}", param_hint=option) from error
    except UnicodeDecodeError as error:
        raise typer.BadParameter(f"{path} is no UTF-8 text", param_hint=option) from error
