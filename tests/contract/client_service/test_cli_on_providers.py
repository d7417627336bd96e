"""`bothsides limits`, `circuits` and `budgets` against a real scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import Result

from bothsides_client.client import Client

Command = Callable[..., Result]
MODEL = ("openai", "gpt-6-luna")


def read(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.output
    (line,) = ended.stdout.splitlines()
    return json.loads(line)


def test_limits_are_set_shown_and_set_back(command: Command, caller: Client) -> None:
    ended = command("limits", "set", *MODEL, "--requests", "600", "--tokens", "200000", "--in-flight", "4")
    assert ended.exit_code == 0, ended.output
    limits = caller.get_provider_limits(*MODEL)
    assert (limits.requests_per_minute, limits.tokens_per_minute, limits.max_in_flight) == (600, 200_000, 4)
    assert "600 requests a minute, 200,000 tokens a minute, 4 at once" in ended.output

    command("limits", "set", *MODEL, "--requests", "none")
    assert not caller.get_provider_limits(*MODEL).HasField("requests_per_minute")
    assert read(command("limits", "get", *MODEL, "--json"))["max_in_flight"] == 4
    assert "gpt-6-luna" in command("limits", "list").output


def test_limits_that_name_nothing_are_no_change(command: Command) -> None:
    ended = command("limits", "set", *MODEL)
    assert ended.exit_code == 2
    assert "name what to set" in ended.output


def test_circuits_are_listed_and_closed(command: Command, caller: Client) -> None:
    assert "no circuits" in command("circuits", "list").output
    command("limits", "set", *MODEL, "--in-flight", "4")
    assert "CLOSED" in command("circuits", "list").output
    assert read(command("circuits", "reset", *MODEL, "--json"))["state"] == "CLOSED"
    assert [circuit.model for circuit in caller.list_circuits()] == ["gpt-6-luna"]


def test_budgets_are_set_shown_and_removed(command: Command, caller: Client) -> None:
    ended = command("budgets", "set", "day", "2.50", "--when-spent", "refuse")
    assert ended.exit_code == 0, ended.output
    command("budgets", "set", "batch", "$0.000001", "--batch", "b1")
    shown = command("budgets", "get", "--batch", "b1").output
    for text in ("day", "$2.50", "refuse", "batch b1", "$0.000001", "hold", "today"):
        assert text in shown
    assert sorted(budget.limit_micro_usd for budget in caller.get_budgets().budgets) == [1, 2_500_000]
    command("budgets", "set", "day", "none")
    assert [budget.batch_id for budget in caller.get_budgets().budgets] == ["b1"]


@pytest.mark.parametrize(
    "words", [("week", "1"), ("day", "much"), ("day", "1.1234567"), ("day", "1", "--when-spent", "cry")]
)
def test_a_budget_that_makes_no_sense_is_refused(command: Command, words: tuple[str, ...]) -> None:
    assert command("budgets", "set", *words).exit_code == 2
