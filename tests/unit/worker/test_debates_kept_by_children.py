"""What a child process keeps of the conversations that it has prepared, and for how long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from analysis_worker.transcript import in_child
from support.debates import debate


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    in_child._forget()
    yield
    in_child._forget()


def made(name: str, *, beside_bytes: int = 0) -> bytes:
    """Return a short debate that takes so many bytes more than what is said in it."""
    conversation = debate(2, conversation_id=name, words=5)
    conversation.title = "x" * beside_bytes
    return conversation.SerializeToString(deterministic=True)


def kept(*conversations: bytes) -> list[bool]:
    return [each in in_child._documents for each in conversations]


def test_short_debates_stay_prepared_beside_each_other() -> None:
    several = [made(f"d{number}") for number in range(20)]
    for each in several:
        in_child.read(each)

    assert in_child.keeps(len(several), sum(map(len, several)))
    assert all(kept(*several))


def test_of_long_debates_the_last_two_stay_however_long_they_are() -> None:
    first, second, third = (made(name, beside_bytes=in_child.KEPT_BYTES) for name in ("a", "b", "c"))
    for each in (first, second, first, third):
        in_child.read(each)

    assert kept(first, second, third) == [True, False, True]
    assert in_child.keeps(2, len(first) + len(third))
    assert not in_child.keeps(3, len(first) + len(second) + len(third))


def test_a_long_debate_makes_room_for_itself_by_those_that_were_used_longest_ago() -> None:
    several = [made(f"d{number}", beside_bytes=in_child.KEPT_BYTES // 4) for number in range(3)]
    for each in (*several, several[0]):
        in_child.read(each)
    in_child.read(last := made("last", beside_bytes=in_child.KEPT_BYTES // 2))

    assert kept(*several, last) == [True, False, False, True]
