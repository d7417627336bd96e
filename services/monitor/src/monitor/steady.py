"""Keeps health from flapping: an issue must last to be raised, and be gone for a while to be cleared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from monitor.health import Issue, worst_first

#: Looks in a row that must find an issue before it is raised.
RAISE_AFTER: Final = 2
#: Looks in a row that must not find it before it is cleared.
CLEAR_AFTER: Final = 3


class SteadyIssues:
    """Passes issues on with hysteresis. One look is one call.

    The first look, and the first after `forget`, is taken at its word: there is nothing that it could
    flap against, and HEALTHY must not be said of a system that was seen to be ill. An issue that becomes
    better or worse while it is raised shows so at once.
    """

    def __init__(self) -> None:
        #: Looks in a row that found an issue.
        self._found: dict[tuple[str, str], int] = {}
        #: Raised issues as they were last found, and the looks in a row that missed them.
        self._raised: dict[tuple[str, str], tuple[Issue, int]] = {}
        self._fresh = True

    def look(self, issues: Sequence[Issue]) -> tuple[Issue, ...]:
        """Take what one look found; return what holds, worst first."""
        enough = 1 if self._fresh else RAISE_AFTER
        self._fresh = False
        self._found = {issue.subject: self._found.get(issue.subject, 0) + 1 for issue in issues}
        raised = {
            subject: (issue, missed + 1)
            for subject, (issue, missed) in self._raised.items()
            if missed + 1 < CLEAR_AFTER
        }
        for issue in issues:
            if issue.subject in self._raised or self._found[issue.subject] >= enough:
                raised[issue.subject] = (issue, 0)
        self._raised = raised
        return tuple(worst_first([issue for issue, _ in raised.values()]))

    def forget(self) -> None:
        """Drop everything: nothing was seen for so long that earlier looks say nothing."""
        self._found.clear()
        self._raised.clear()
        self._fresh = True
