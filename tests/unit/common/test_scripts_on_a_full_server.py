"""Which scripts a server at its memory limit refuses: those that take on something new, and no other."""

from __future__ import annotations

from importlib import resources

import pytest

from common.store.scripts import script

#: New work, and what can be done without. A script that is not here and writes says allow-oom.
REFUSED = {
    "submit",
    "bind",
    "fence",
    "retry",
    "update",
    "keep",
    "progress",
    "checkpoint",
    "log",
    "provider_reserve",
    "budget_reserve",
    "batch_create",
    "batch_again",
    "batch_retry",
}


def scripts() -> dict[str, str]:
    """Return the first line of each script; parts that are included have no such line."""
    folder = resources.files("common.store").joinpath("lua")
    names = [path.name.removesuffix(".lua") for path in folder.iterdir() if path.name.endswith(".lua")]
    heads = {name: script(name).source.partition("\n")[0] for name in names}
    return {name: head for name, head in heads.items() if head.startswith("#!")}


@pytest.mark.parametrize("name", sorted(scripts()))
def test_a_script_says_what_it_does_on_a_full_server(name: str) -> None:
    head = scripts()[name]
    assert head in {"#!lua", "#!lua flags=allow-oom", "#!lua flags=no-writes"}
    assert (head == "#!lua") == (name in REFUSED)


def test_nothing_else_is_refused() -> None:
    assert scripts().keys() >= REFUSED
