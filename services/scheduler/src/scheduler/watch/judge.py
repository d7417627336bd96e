"""What an event means to a watch with a filter: the job matches, it has just ceased to, or it is no matter.

Nothing is remembered of a job from one event to the next, so that a watch that resumes on another replica is
told the same. Whether a job matched before an event follows from the states that lead to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import Final

from common.job.states import TRANSITIONS, JobState
from common.store.events import Event, StateChanged
from scheduler.filters import STABLE, Filter
from scheduler.filters.fields import ERROR_ATTEMPT, STATE
from scheduler.filters.tree import Always
from scheduler.watch.facts import Known

_ENDED: Final = "ended"
_OF_ERRORS: Final = frozenset({"class", "cause"})
Look = Callable[[str], str | None]


class Verdict(Enum):
    """What to do with an event."""

    TELL = auto()
    #: The job has ceased to match, or may have.
    REMOVE = auto()
    PASS = auto()
    #: That depends on the job's record.
    READ = auto()


def _before() -> Mapping[JobState, frozenset[JobState]]:
    found: defaultdict[JobState, set[JobState]] = defaultdict(set)
    for (state, _), to in TRANSITIONS.items():
        found[to].add(state)
    return {state: frozenset(states) for state, states in found.items()}


#: The states from which each state is reached.
_BEFORE: Final = _before()


class Judge:
    """Judges the events of one queue."""

    def __init__(self, wanted: Filter, queue: str) -> None:
        self._filter = wanted.within(queue)
        tree = self._filter.tree
        #: Every job of the queue matches, whatever happens to it.
        self.is_open = tree == Always(True)
        #: No job of the queue can match.
        self.is_shut = tree == Always(False)
        self._fields = self._filter.fields
        self._by_state: dict[tuple[JobState, frozenset[JobState] | None], Verdict] = {}

    def of(self, event: Event, facts: Known | None = None) -> Verdict:
        """Judge an event of a job; never READ if its facts are given."""
        if self.is_open:
            return Verdict.TELL
        if not isinstance(event, StateChanged):
            return self._of_leased(event, facts)
        if self._fields <= {STATE}:  # so that a few verdicts are all
            key = (event.state, event.before)
            if key not in self._by_state:
                self._by_state[key] = self._of_change(event, facts)
            return self._by_state[key]
        return self._of_change(event, facts)

    def of_update(self, facts: Known | None) -> Verdict:
        """Judge that a job was changed: it may have matched before."""
        if facts is None:
            return Verdict.TELL if self.is_open else Verdict.READ
        if self._filter.judge(lambda field: facts.get(field, "")):
            return Verdict.TELL
        stable = self._filter.judge(lambda field: facts.get(field, "") if field in STABLE else None)
        return Verdict.PASS if stable is False else Verdict.REMOVE

    def of_deletion(self, facts: Known | None) -> Verdict:
        """Judge that a job was deleted: its record cannot be read any more."""
        match = self._filter.judge(lambda field: None if facts is None else facts.get(field, ""))
        return Verdict.PASS if match is False else Verdict.REMOVE

    def _of_change(self, event: StateChanged, facts: Known | None) -> Verdict:
        matches = self._filter.judge(_as_of(event, facts))
        if matches is None:
            return Verdict.READ
        if matches:
            return Verdict.TELL
        before = _BEFORE.get(event.state, frozenset()) if event.before is None else event.before
        matched = {self._filter.judge(_before_that(event, state, facts)) for state in before}
        if matched <= {False}:
            return Verdict.PASS
        return Verdict.READ if facts is None and None in matched else Verdict.REMOVE

    def _of_leased(self, event: Event, facts: Known | None) -> Verdict:
        """Judge progress or a part, which only a running attempt makes."""
        match self._filter.judge(_as_leased(event, facts)):
            case None:
                return Verdict.READ
            case True:
                return Verdict.TELL
            case False:
                return Verdict.PASS


def _as_of(event: StateChanged, facts: Known | None) -> Look:
    """Look at a job as it is after an event."""

    def look(field: str) -> str | None:
        if field == STATE:
            return event.state.value
        if field == _ENDED:
            return str(event.at_ms) if event.state.is_final else ""
        if field in _OF_ERRORS and event.error is not None:
            return event.error.error_class.value if field == "class" else event.error.reason
        if facts is None:
            return None
        if field in _OF_ERRORS and not _had_failed(event, facts, event.state):
            return ""
        return facts.get(field, "")

    return look


def _before_that(event: StateChanged, state: JobState, facts: Known | None) -> Look:
    """Look at a job as it was before an event, in `state`; when it had ended, if it had, is not known."""

    def look(field: str) -> str | None:
        if field == STATE:
            return state.value
        if field == _ENDED:
            return None if state.is_final else ""
        if field in _OF_ERRORS and event.error is not None:
            return "" if event.attempt <= 1 else None
        if facts is None:
            return None
        if field in _OF_ERRORS and not _had_failed(event, facts, state):
            return ""
        return facts.get(field, "")

    return look


def _had_failed(event: StateChanged, facts: Known, state: JobState) -> bool:
    """Whether a record's error, which may have been read later, stood in it around an event, in `state`."""
    failed = int(facts.get(ERROR_ATTEMPT, "0"))
    runs = event.state.is_leased or state.is_leased
    return failed < event.attempt or (failed == event.attempt and not runs)


def _as_leased(event: Event, facts: Known | None) -> Look:
    """Look at a job while an attempt runs."""

    def look(field: str) -> str | None:
        if field == STATE:
            return JobState.RUNNING.value
        if field == _ENDED:
            return ""
        if facts is None:
            return None
        if field in _OF_ERRORS and int(facts.get(ERROR_ATTEMPT, "0")) >= event.attempt:
            return ""
        return facts.get(field, "")

    return look
