"""The one table of models: what each costs, takes and holds, and until when it is there.

Prices are whole millionths of a dollar for a million tokens, so that $0.10 is 100,000. A price that is not
known is None, never 0: under a budget such a model is refused. A settings file adds models, or replaces some.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Self

DEFAULT_MODEL: Final = "gpt-6-luna"
_MILLION: Final = 1_000_000
#: A model is "near" its end so long before it.
RETIREMENT_NOTICE: Final = datetime.timedelta(days=60)


class ModelUnknown(ValueError):
    """The table has no such model."""

    def __init__(self, model: str, known: Mapping[str, object]) -> None:
        super().__init__(
            f"model {model!r} is not in the table: describe it in the file that PROVIDER_MODELS_FILE names, "
            f"or use one of {', '.join(sorted(known))}"
        )
        self.model = model


class PriceUnknown(ValueError):
    """What a model costs is not known, so that no budget can hold."""

    def __init__(self, model: str) -> None:
        super().__init__(
            f"the price of model {model!r} is not known: set price_input and price_output in the file that "
            "PROVIDER_MODELS_FILE names, or remove the budget"
        )
        self.model = model


class ModelsFileInvalid(ValueError):
    """The settings file does not describe models."""


def utc_today() -> datetime.date:
    """Return the day by which models end."""
    return datetime.datetime.now(datetime.UTC).date()


@dataclass(frozen=True, slots=True)
class ModelCard:
    """One model, as far as code must know it."""

    name: str
    #: Input and output together.
    context_tokens: int = 128_000
    max_output_tokens: int = 16_384
    #: For a million tokens (millionths of a dollar); None: not known.
    price_input: int | None = None
    price_cached: int | None = None
    price_output: int | None = None
    #: Input that the provider writes to its cache; None: as other input.
    price_cache_write: int | None = None
    #: From so many input tokens on, all prices are `long_factor` times as high; 0: never.
    long_tokens: int = 0
    long_factor: int = 1
    #: Parameters that it accepts, of those on which models differ.
    parameters: frozenset[str] = frozenset()
    #: When the provider switches it off, as announced.
    retires: datetime.date | None = None
    #: What to use instead.
    successor: str = ""
    #: Models to try when it is away, in this order.
    fallbacks: tuple[str, ...] = ()

    @property
    def priced(self) -> bool:
        return self.price_input is not None and self.price_output is not None

    def cost_micro_usd(self, input_tokens: int, cached_tokens: int, output_tokens: int) -> int:
        """Return what a call costs (millionths of a dollar), rounded up.

        Raises:
            PriceUnknown: The table does not say.
        """
        if self.price_input is None or self.price_output is None:
            raise PriceUnknown(self.name)
        cached = self.price_input if self.price_cached is None else self.price_cached
        fresh = max(0, input_tokens - cached_tokens)
        # Whether fresh input is written to the cache is not told: the dearer of the two is taken.
        each = max(self.price_input, self.price_cache_write or 0)
        total = fresh * each + cached_tokens * cached + output_tokens * self.price_output
        if self.long_tokens and input_tokens > self.long_tokens:
            total *= self.long_factor
        return -(-total // _MILLION)

    def retirement(self, today: datetime.date) -> str:
        """Return a warning if the model is near or past its end, else ""."""
        if self.retires is None or today < self.retires - RETIREMENT_NOTICE:
            return ""
        when = "was to be switched off" if today >= self.retires else "is announced to be switched off"
        instead = f": use {self.successor}" if self.successor else ""
        return f"model {self.name} {when} on {self.retires.isoformat()}{instead}"


_CARDS: Final = (
    ModelCard(
        "gpt-6-luna",
        context_tokens=1_050_000,
        max_output_tokens=128_000,
        price_input=100_000,
        price_cached=10_000,
        price_output=500_000,
        price_cache_write=125_000,
        long_tokens=272_000,
        long_factor=2,
        # temperature, top_p and logprobs are refused unless reasoning_effort is "none".
        parameters=frozenset(
            {"reasoning_effort", "max_completion_tokens", "prompt_cache_key", "prompt_cache_options"}
        ),
        fallbacks=("gpt-4o-mini",),
    ),
    ModelCard(
        "gpt-4o-mini",
        context_tokens=128_000,
        max_output_tokens=16_384,
        price_input=150_000,
        price_cached=75_000,
        price_output=600_000,
        parameters=frozenset(
            {"temperature", "top_p", "seed", "logprobs", "max_completion_tokens", "prompt_cache_key"}
        ),
        retires=datetime.date(2027, 1, 14),
        successor="gpt-6-luna",
        fallbacks=("gpt-6-luna",),
    ),
    # Asked whether texts are harmful, and for nothing else. Free, as announced.
    ModelCard("omni-moderation-latest", context_tokens=32_768, price_input=0, price_output=0),
)
BUILT_IN: Final[Mapping[str, ModelCard]] = MappingProxyType({card.name: card for card in _CARDS})


@dataclass(frozen=True, slots=True)
class ModelTable:
    """Models by name."""

    cards: Mapping[str, ModelCard] = field(default_factory=lambda: BUILT_IN)

    def card(self, model: str) -> ModelCard:
        """Return what is known of a model.

        Raises:
            ModelUnknown: Nothing is.
        """
        found = self.cards.get(model)
        if found is None:
            raise ModelUnknown(model, self.cards)
        return found

    @classmethod
    def read(cls, path: Path | None) -> Self:
        """Return the built-in models and those of a TOML file, which has one table for each model.

        Raises:
            ModelsFileInvalid: The file does not describe models; the message names the place.
        """
        if path is None:
            return cls()
        try:
            tables = tomllib.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise ModelsFileInvalid(f"{path} cannot be read as TOML: {error}") from error
        return cls(MappingProxyType({**BUILT_IN, **{name: _card(name, tables[name]) for name in tables}}))


_KINDS: Final[Mapping[str, Any]] = MappingProxyType(
    {"successor": str, "retires": datetime.date, "fallbacks": list, "parameters": list}
)


def _card(name: str, table: Any) -> ModelCard:
    """Return the built-in card with what a file's table says in place, or a new one."""
    if not isinstance(table, dict):
        raise ModelsFileInvalid(f"{name} must be a table, such as [{name}]")
    known = {each.name for each in fields(ModelCard)} - {"name"}
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise ModelsFileInvalid(f"{name}.{key} is not known; there are {', '.join(sorted(known))}")
        values[key] = _value(f"{name}.{key}", value, _KINDS.get(key, int))
    if "parameters" in values:
        values["parameters"] = frozenset(values["parameters"])
    return replace(BUILT_IN.get(name, ModelCard(name)), **values)


def _value(place: str, value: Any, kind: Any) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool) or (kind is int and value < 0):
        raise ModelsFileInvalid(f"{place} must be {'a whole number' if kind is int else kind.__name__}")
    if kind is not list:
        return value
    if not all(isinstance(item, str) for item in value):
        raise ModelsFileInvalid(f"{place} must be a list of names")
    return tuple(value)
