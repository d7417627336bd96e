"""Live progress of a watched job: one state folded from the messages, and two ways to show it.

A terminal gets a bar with stage, percent and time left; anything else gets plain lines, one a change of
stage or state and one every 10 %, without control codes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.text import Text

from bothsides.jobs import v1 as pb
from bothsides_client.partial import partial_line
from bothsides_client.report.wording import duration, printable

#: Plain lines are at least so far apart, in percent, within one stage.
STEP_PERCENT: Final = 10
#: Columns of the stage beside the bar, which so stays where it is.
STAGE_LENGTH: Final = 30


@dataclass(slots=True)
class Seen:
    """What the messages have told so far."""

    state: pb.Job.State.ValueType = pb.Job.STATE_UNSPECIFIED
    stage: str = ""
    fraction: float = 0.0
    attempt: int = 0
    #: Local moment (seconds of `now_s`) at which the work is expected to end.
    _expected_end_s: float | None = None
    now_s: Callable[[], float] = field(default=time.monotonic, repr=False)

    def take(self, message: pb.WatchJobResponse) -> None:
        """Fold one message in."""
        match message.WhichOneof("event"):
            case "snapshot":
                self.attempt = max(self.attempt, message.snapshot.attempt_count)
                self._enter(message.snapshot.state)
                self._progress(message.snapshot.progress)
            case "state_change":
                if (
                    message.state_change.state == pb.Job.RUNNING
                    and message.state_change.attempt > self.attempt
                ):
                    self.attempt = message.state_change.attempt
                    self.stage, self.fraction = "", 0.0
                self._enter(message.state_change.state)
            case "progress":
                self._progress(message.progress)

    @property
    def percent(self) -> int:
        return int(self.fraction * 100 + 1e-6)  # 0.29 * 100 is a little less than 29

    @property
    def time_left(self) -> str:
        """Such as "12 s left"; "" if it is not known, or less than a second."""
        if self._expected_end_s is None:
            return ""
        left_s = self._expected_end_s - self.now_s()
        return f"{duration(left_s)} left" if left_s >= 1 else ""

    @property
    def words(self) -> str:
        """The stage of the running attempt; else the state."""
        if self.state == pb.Job.STATE_UNSPECIFIED and not self.stage:
            return "connecting"
        running = self.state in (pb.Job.RUNNING, pb.Job.STATE_UNSPECIFIED)
        words = self.stage if running and self.stage else pb.Job.State.Name(self.state).lower()
        return f"{words} (attempt {self.attempt})" if running and self.attempt > 1 else words

    def _enter(self, state: pb.Job.State.ValueType) -> None:
        self.state = state
        if state == pb.Job.SUCCEEDED:
            self.fraction = 1.0
        if state != pb.Job.RUNNING:
            self._expected_end_s = None

    def _progress(self, progress: pb.Progress) -> None:
        if progress.stage:
            self.stage = printable(progress.stage)
        self.fraction = max(0.0, min(1.0, progress.fraction)) if self.state != pb.Job.SUCCEEDED else 1.0
        if progress.HasField("finish_time"):
            # Both times are the worker's, so that a difference between the clocks does not matter.
            left_ms = progress.finish_time.ToMilliseconds() - progress.update_time.ToMilliseconds()
            self._expected_end_s = self.now_s() + left_ms / 1000
        else:
            self._expected_end_s = None


class ProgressDisplay(Protocol):
    """Shows what a watch brings while it is entered."""

    def __enter__(self) -> ProgressDisplay: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def show(self, message: pb.WatchJobResponse) -> None: ...


class PlainDisplay:
    """Lines for a file, a pipe or a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = Seen()
        self._last: tuple[str, int] = ("", -1)

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def show(self, message: pb.WatchJobResponse) -> None:
        """Print a line if the message changes the stage, or the percentage by a step."""
        if message.WhichOneof("event") == "partial_result":
            self._print(f"  {partial_line(message.partial_result)}")
            return
        self._seen.take(message)
        now = (self._seen.words, self._seen.percent // STEP_PERCENT)
        if now == self._last:
            return
        self._last = now
        about = f", about {self._seen.time_left}" if self._seen.time_left else ""
        self._print(f"{self._seen.percent:3d} %  {self._seen.words}{about}")

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


class TimeLeft(ProgressColumn):
    """The time left, as it is at each refresh of the bar."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def render(self, task: Task) -> Text:
        return Text(self._seen.time_left)


class LiveDisplay:
    """A bar at the bottom of a terminal; partial results scroll above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._seen = Seen()
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %", markup=False),
            TimeLeft(self._seen),
            console=console,
            transient=True,
            expand=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> LiveDisplay:
        self._bar.start()
        self._task = self._bar.add_task("connecting", total=1.0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def show(self, message: pb.WatchJobResponse) -> None:
        """Move the bar; print a partial result as a line above it."""
        if self._task is None:
            raise RuntimeError("the display shows only while it is entered")
        if message.WhichOneof("event") == "partial_result":
            self._console.print(Text(f"  {partial_line(message.partial_result)}"))
            return
        self._seen.take(message)
        self._bar.update(
            self._task,
            description=self._seen.words[:STAGE_LENGTH].ljust(STAGE_LENGTH),
            completed=self._seen.fraction,
        )


def display_for(console: Console) -> ProgressDisplay:
    """Return the display that suits the console."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)
