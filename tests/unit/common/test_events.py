"""The events of an entry, read by what lines have in common: each as it would be by itself."""

from __future__ import annotations

import orjson
from hypothesis import given
from hypothesis import strategies as st

from common.store.events import Deleted, Event, StateChanged, events_of

_ERROR = orjson.dumps({"class": "BUG", "reason": "BROKEN", "message": "it broke"}).decode()
#: A line with places for its job and its time.
_LINES = st.sampled_from(
    [
        "S\t<id>\t<at>\t0\tPENDING\t\t\t-",
        "S\t<id>\t<at>\t1\tRUNNING\t\t\tP",
        "S\t<id>\t<at>\t1\tRUNNING\t\tacme\tP",
        "S\t<id>\t<at>\t2\tRUNNING\t\t",
        "S\t<id>\t<at>\t1\tFAILED\t" + _ERROR + "\t\tR",
        "S\t<id>\t<at>\t1\tOF_A_NEWER_VERSION\t\t\tR",
        "U\t<id>\t<at>\t1\t",
        "D\t<id>\t<at>\t1\tacme",
        "Z\t<id>\t<at>\tof a newer version",
    ]
)
_JOBS = st.sampled_from(["ai-1", "ai-2", "q.other-3"])
_TIMES = st.sampled_from(["", "", "", "1700000000000", "1700000000001"])


def _filled(line: str, job_id: str, at: str) -> str:
    return line.replace("<id>", job_id).replace("<at>", at)


def _read(lines: list[str]) -> list[Event]:
    return list(events_of({b"1": "\n".join(lines).encode()}))


@given(st.lists(st.tuples(_LINES, _JOBS, _TIMES), max_size=12))
def test_each_line_is_read_as_it_would_be_by_itself(drawn: list[tuple[str, str, str]]) -> None:
    now, alone = "1600000000000", list[Event]()
    whole = ["D\tai-0\t" + now + "\t1\t"]
    for line, job_id, at in drawn:
        now = at or now
        alone += _read([_filled(line, job_id, now)])
        whole.append(_filled(line, job_id, at))
    assert _read(whole)[1:] == alone


@given(st.lists(st.tuples(_LINES, _JOBS, _TIMES, st.lists(_JOBS, max_size=3)), max_size=12))
def test_an_id_alone_says_what_the_last_change_said(drawn: list[tuple[str, str, str, list[str]]]) -> None:
    first = "S\tai-0\t1600000000000\t1\tRUNNING\t\t\tP"
    briefly, whole = [first], [first]
    said = "S\t<id>\t\t1\tRUNNING\t\t\tP"
    for line, job_id, at, others in drawn:
        said = line.replace("<at>", "") if line.startswith("S") else said
        briefly += [_filled(line, job_id, at), *others]
        whole += [_filled(line, job_id, at), *(_filled(said, other, "") for other in others)]
    assert _read(briefly) == _read(whole)


def test_what_is_no_line_is_passed_over() -> None:
    read = _read(["", "S", "S\tai-1", "S\tai-1\t\t1\tRUNNING\t\t\tP", "D\tai-1\t7\t1"])
    assert [type(event) for event in read] == [StateChanged, Deleted]
