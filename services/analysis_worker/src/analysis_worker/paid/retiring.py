"""Which models of a worker's settings are near or past their end, as their providers announce it."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from common.provider.models import ModelTable, utc_today


class Retiring:
    """Looks at the day anew each time, since workers run for weeks.

    A model's fallbacks are not looked at: they are the table's, and are not asked from their day on.

    Args:
        models: What jobs get that name none, and what else the settings name.
    """

    def __init__(
        self, table: ModelTable, *models: str, today: Callable[[], datetime.date] = utc_today
    ) -> None:
        self._cards = [table.cards[model] for model in dict.fromkeys(models) if model in table.cards]
        self._today = today

    def __call__(self) -> tuple[str, ...]:
        """Return a warning for each, in words."""
        today = self._today()
        return tuple(warning for card in self._cards if (warning := card.retirement(today)))
