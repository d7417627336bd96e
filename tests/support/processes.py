"""Finding what a program has left behind."""

from __future__ import annotations

from pathlib import Path

import psutil

from support.waiting import wait_until


def processes_marked(folder: Path) -> list[psutil.Process]:
    """Return all processes whose TMPDIR is `folder`, or that live inside it, zombies left out."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            inside = Path(process.cwd()).is_relative_to(folder)
            if inside or process.environ().get("TMPDIR") == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def expect_none_left(folder: Path) -> None:
    """Fail if a process marked with `folder` does not end, and end it, so that it disturbs no later test."""
    try:
        wait_until(lambda: not processes_marked(folder))
    finally:
        for process in processes_marked(folder):
            process.kill()
