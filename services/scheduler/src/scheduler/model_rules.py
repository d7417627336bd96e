"""What a job that names models must satisfy: they are in the table, so that no worker learns it too late."""

from __future__ import annotations

from dataclasses import dataclass

from common.errors import InvalidField
from common.provider.models import ModelTable


@dataclass(frozen=True, slots=True)
class ModelWish:
    """Which models a job names."""

    #: Path of its spec in the request, for errors.
    field: str
    #: The one that is wanted, then those to ask in its place.
    models: tuple[str, ...] = ()
    language_model: str = ""


class ModelRules:
    """Judges what jobs want of models by a table, which should be that of the workers."""

    def __init__(self, table: ModelTable) -> None:
        self._table = table

    def check(self, wish: ModelWish | None) -> None:
        """Refuse what no worker could do.

        Raises:
            InvalidField: A model is not in the table, or models are named in two ways.
        """
        if wish is None:
            return
        if wish.language_model:
            raise InvalidField(
                f"{wish.field}.language_model", "cannot be set together with models: name it there, first"
            )
        for place, name in enumerate(wish.models):
            if name not in self._table.cards:
                raise InvalidField(
                    f"{wish.field}.models[{place}]",
                    f"{name!r} is not in the table of models: describe it in the file that "
                    "PROVIDER_MODELS_FILE names, for the scheduler and the workers, or use one of "
                    f"{', '.join(sorted(self._table.cards))}",
                )
