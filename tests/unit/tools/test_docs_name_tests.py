"""Documents that say which test shows what name tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = {"": "chaos", "*": "contract/broker", "†": "integration"}
#: `test_name` and the mark that says where it stands.
NAMED = re.compile(r"`(?P<test>test_\w+)`(?: (?P<mark>[*†]))?")


def names_in(folder: str) -> set[str]:
    text = "".join(path.read_text() for path in (ROOT / "tests" / folder).rglob("test_*.py"))
    return set(re.findall(r"^(?:async )?def (test_\w+)", text, re.MULTILINE))


@pytest.mark.parametrize("mark", FOLDERS)
def test_the_dramatiq_page_names_tests_that_there_are(mark: str) -> None:
    page = (ROOT / "docs" / "dramatiq.md").read_text()
    named = {found["test"] for found in NAMED.finditer(page) if (found["mark"] or "") == mark}
    assert named
    assert named <= names_in(FOLDERS[mark])
