"""The table of models: prices, ends, and what a settings file changes."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from common.provider.models import (
    BUILT_IN,
    DEFAULT_MODEL,
    ModelCard,
    ModelsFileInvalid,
    ModelTable,
    ModelUnknown,
    PriceUnknown,
)


def test_the_default_model_is_priced_and_stays() -> None:
    card = ModelTable().card(DEFAULT_MODEL)
    assert card.priced
    assert card.retires is None


def test_every_name_that_the_table_gives_is_in_it() -> None:
    for card in BUILT_IN.values():
        assert {*card.fallbacks, *([card.successor] if card.successor else [])} <= BUILT_IN.keys()


def test_costs_are_rounded_up_and_count_what_was_cached_apart() -> None:
    card = ModelCard("m", price_input=100, price_cached=10, price_output=500)
    assert card.cost_micro_usd(1_000_000, 0, 0) == 100
    assert card.cost_micro_usd(1_000_000, 1_000_000, 0) == 10
    assert card.cost_micro_usd(1, 0, 0) == 1
    assert card.cost_micro_usd(0, 0, 2_000_000) == 1_000


def test_a_debate_costs_what_the_price_list_says() -> None:
    """37,600 tokens in and 12,000 out, none of them cached, all written to the cache."""
    assert ModelTable().card("gpt-6-luna").cost_micro_usd(37_600, 0, 12_000) == 4_700 + 6_000


def test_long_input_is_dearer_as_a_whole() -> None:
    card = ModelCard("m", price_input=1_000_000, price_output=0, long_tokens=10, long_factor=2)
    assert (card.cost_micro_usd(10, 0, 0), card.cost_micro_usd(11, 0, 0)) == (10, 22)


def test_a_price_that_is_not_known_is_not_zero() -> None:
    with pytest.raises(PriceUnknown, match="PROVIDER_MODELS_FILE"):
        ModelCard("m").cost_micro_usd(1, 0, 1)


@pytest.mark.parametrize(
    ("today", "expected"),
    [
        ("2026-11-01", ""),
        ("2026-11-20", "is announced to be switched off on 2027-01-14: use gpt-6-luna"),
        ("2027-01-14", "was to be switched off on 2027-01-14: use gpt-6-luna"),
    ],
)
def test_a_model_near_its_end_says_so(today: str, expected: str) -> None:
    warning = ModelTable().card("gpt-4o-mini").retirement(datetime.date.fromisoformat(today))
    assert warning == (f"model gpt-4o-mini {expected}" if expected else "")


def test_an_unknown_model_names_the_way_out() -> None:
    with pytest.raises(ModelUnknown, match=r"PROVIDER_MODELS_FILE.*gpt-6-luna"):
        ModelTable().card("gpt-99")


def test_a_file_adds_models_and_changes_known_ones(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(
        '["gpt-6-luna"]\nprice_input = 7\n\n["local/llama"]\ncontext_tokens = 8192\n'
        'retires = 2030-01-02\nfallbacks = ["gpt-6-luna"]\nparameters = ["temperature"]\n'
    )
    table = ModelTable.read(file)
    assert table.card("gpt-6-luna").price_input == 7
    assert table.card("gpt-6-luna").price_output == BUILT_IN["gpt-6-luna"].price_output
    llama = table.card("local/llama")
    assert (llama.priced, llama.retires) == (False, datetime.date(2030, 1, 2))
    assert (llama.fallbacks, llama.parameters) == (("gpt-6-luna",), frozenset({"temperature"}))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("price_input = 3", "price_input must be a table"),
        ("[m]\nprice_input = -1", "m.price_input must be a whole number"),
        ("[m]\nprice_input = 0.5", "m.price_input"),
        ("[m]\nname = 'x'", "m.name is not known"),
        ("[m]\nprovider = 'x'", "m.provider is not known"),
        ("[m]\nfallbacks = [1]", "m.fallbacks must be a list of names"),
        ("[m", "cannot be read as TOML"),
    ],
)
def test_a_file_that_is_wrong_is_refused_with_the_place(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "models.toml"
    file.write_text(text)
    with pytest.raises(ModelsFileInvalid, match=place):
        ModelTable.read(file)
