"""Which models of a worker's settings are near or past their end, as their providers announce it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from common.provider.models import ModelTable


def utc_today() -> datetime.date:
    return datetime.datetime.now(datetime.UTC).date()


class Retiring:
    """Looks at the day anew each time, since workers run for weeks.

    A model's fallbacks are not looked at: they are the table's, and one that is gone is passed over.

    Args:
        model: What jobs get that name none.
    """

    def __init__(
        self, table: ModelTable, model: str, *, today: Callable[[], datetime.date] = utc_today
    ) -> None:
        self._card = table.cards.get(model)
        self._today = today

    def __call__(self) -> tuple[str, ...]:
        """Return a warning for each, in words."""
        warning = "" if self._card is None else self._card.retirement(self._today())
        return (warning,) if warning else ()
