"""Job ids name their queue and sort by time."""

from __future__ import annotations

import os
import string
import uuid
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from common.job.ids import new_job_id, new_job_ids, queue_of
from common.job.types import QUEUES

#: Dramatiq's rule for queue names.
QUEUE_NAMES = st.builds(
    str.__add__,
    st.sampled_from(string.ascii_letters + "_"),
    st.text(string.ascii_letters + string.digits + "._-", max_size=20),
)


@given(st.one_of(QUEUE_NAMES, st.sampled_from(QUEUES)))
def test_an_id_names_its_queue(queue: str) -> None:
    assert queue_of(new_job_id(queue)) == queue


@given(QUEUE_NAMES, QUEUE_NAMES)
def test_ids_of_two_queues_never_name_the_same_one(one: str, other: str) -> None:
    assert (queue_of(new_job_id(one)) == queue_of(new_job_id(other))) == (one == other)


@given(st.text())
def test_text_that_is_no_id_names_no_queue(text: str) -> None:
    assert queue_of(text + "!") is None


@given(st.integers(0, 2**47), st.integers(1, 2**40))
def test_ids_made_later_sort_later(now_ms: int, later_ms: int) -> None:
    first = new_job_id("ai_analysis", now_ms=now_ms)
    second = new_job_id("ai_analysis", now_ms=now_ms + later_ms)
    assert first < second


@given(st.integers(0, 2**48 - 1))
def test_an_id_is_a_uuid_of_version_7_with_its_time(now_ms: int) -> None:
    spelled = new_job_id("exports", now_ms=now_ms).rpartition("-")[2]

    number = 0
    for digit in spelled:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    made = uuid.UUID(int=number)
    assert (made.version, made.variant, made.int >> 80) == (7, uuid.RFC_4122, now_ms)


def test_ids_made_in_the_same_millisecond_differ() -> None:
    assert len({new_job_id("exports", now_ms=1_000) for _ in range(1_000)}) == 1_000


def test_many_ids_are_what_each_would_be_by_itself() -> None:
    ids = list(islice(new_job_ids("exports"), 1_000))
    assert len(set(ids)) == 1_000
    assert {queue_of(job_id) for job_id in ids} == {"exports"}
    assert {len(job_id) for job_id in ids} == {len(new_job_id("exports"))}
    times = [job_id.rpartition("-")[2][:10] for job_id in ids]
    assert times == sorted(times)
    by_place = list(zip(*(job_id.rpartition("-")[2][10:] for job_id in ids), strict=True))
    assert set(by_place[0]) == {"e", "f"}  # the version
    assert all(len(set(digits)) == 32 for digits in by_place[4:])


def test_a_forked_process_makes_other_ids() -> None:
    new_job_id("exports")  # others are drawn together with it
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, " ".join(new_job_id("exports", now_ms=1) for _ in range(10)).encode())
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    theirs = set(os.read(reader, 4096).decode().split())
    assert len(theirs) == 10
    assert not theirs & {new_job_id("exports", now_ms=1) for _ in range(200)}
