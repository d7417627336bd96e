"""Resume tokens of watches of many jobs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidResumeToken
from scheduler.watch.many import MAX_QUEUES
from scheduler.watch.places import Place, Places, PlaceTokens, hash_of
from scheduler.watch.position import Position

KEY = b"k" * 32
POSITIONS = st.builds(Position, st.integers(0, 2**48), st.integers(0, 2**64 - 1), st.integers(0, 2**31 - 1))


@given(
    st.dictionaries(st.text(max_size=20), st.builds(Place, POSITIONS, st.sampled_from(["a.1", "b.2"]))),
    st.booleans(),
)
def test_a_token_holds_a_place_in_each_queue(places: dict[str, Place], is_beginning: bool) -> None:
    tokens = PlaceTokens(KEY, "north", "state = FAILED")
    by_queue = {hash_of(queue): place for queue, place in places.items()}

    read = tokens.decode(tokens.encode(Places(by_queue, is_beginning)))

    assert read == Places(by_queue, is_beginning)
    assert all(read.of(queue) == place for queue, place in places.items())
    assert read.of("a queue that was declared later") is None


def test_a_token_of_very_many_queues_fits_into_a_request() -> None:
    epoch = "0123456789abcdef.01234567"
    positions = [Position(1_800_000_000_000 + i * 7_919, i % 50, 2**31 - 1) for i in range(MAX_QUEUES)]
    places = {hash_of(f"queue {i}"): Place(position, epoch) for i, position in enumerate(positions)}

    assert len(PlaceTokens(KEY, "north", "").encode(Places(places))) < 8_000


@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.hex()))
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidResumeToken):
        PlaceTokens(KEY, "north", "").decode(text)


def test_a_token_is_of_one_deployment_tenant_and_filter() -> None:
    token = PlaceTokens(KEY, "north", "actor = a").encode(Places())

    for other in (
        PlaceTokens(b"x" * 32, "north", "actor = a"),
        PlaceTokens(KEY, "south", "actor = a"),
        PlaceTokens(KEY, "north", "actor = b"),
    ):
        with pytest.raises(InvalidResumeToken):
            other.decode(token)
