"""One entry of a queue's event stream, read when someone first asks, and only once for all watches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from common.job.ids import JobId
from common.store.events import Event, events_of
from scheduler.watch.position import Placed, Position

#: An entry's id and fields, as the store returns them.
Entry = tuple[bytes, Mapping[bytes, bytes]]
_LINES: Final = b"1"
_DATA: Final = b"data"


class UnreadableEntry(Exception):
    """An entry does not follow the format, such as one of a newer version with a state unknown here."""


class Batch:
    """The events of one script."""

    __slots__ = ("_events", "_fields", "position", "size_bytes")

    def __init__(self, entry: Entry) -> None:
        entry_id, self._fields = entry
        #: After the whole entry.
        self.position = Position.of(entry_id.decode())
        self.size_bytes = len(self._fields.get(_LINES, b"")) + len(self._fields.get(_DATA, b""))
        self._events: list[Event] | None = None

    def read(self) -> list[Event]:
        """Return all events, in order; the place of each in its entry is its place here.

        Raises:
            UnreadableEntry: The entry does not follow the format.
        """
        if self._events is None:
            try:
                self._events = list(events_of(self._fields))
            except (ValueError, KeyError) as error:
                raise UnreadableEntry(self.position.entry_id) from error
        return self._events

    @property
    def count(self) -> int:
        """How many lines it has, without reading them."""
        return self._fields.get(_LINES, b"").count(b"\n") + 1

    @property
    def reports(self) -> JobId | None:
        """The job whose progress is all that it tells of; None if it tells of anything else."""
        lines = self._fields.get(_LINES, b"")
        if not lines.startswith(b"P\t") or b"\n" in lines:
            return None
        return JobId(lines.split(b"\t", 2)[1].decode())

    def job_ids(self) -> Iterator[str]:
        """Yield the job of each line, without reading the rest."""
        for line in self._fields.get(_LINES, b"").decode("utf-8", "replace").split("\n"):
            # A job that moved as the one before is told of by its id alone.
            yield line[2 : line.find("\t", 2)] if "\t" in line else line

    def at(self, line: int) -> Position:
        """Return the place after one line."""
        return Position(self.position.milliseconds, self.position.sequence, line)

    def placed(self) -> Iterator[Placed]:
        """Yield all events with their places; errors as for `read`."""
        for line, event in enumerate(self.read()):
            yield Placed(self.at(line), event)
