"""Requests like those before them, over many calls of many tenants: each is read as it would be by itself."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bothsides.jobs import v1 as pb
from scheduler.wire import known
from scheduler.wire.known import KnownRequests
from scheduler.wire.requests import Origin
from support.random_messages import random_message
from support.read_alone import RETRY, but_for_the_new, by_itself


def generic(text: str = "x", **fields: Any) -> pb.CreateJobRequest:
    request = pb.CreateJobRequest(job=pb.Job(**fields), request_id="r-1")
    request.job.spec.generic.actor = "work"
    request.job.spec.generic.args.add().string_value = text
    return request


def origin_of(chance: random.Random, tenant: str) -> Origin:
    """Return an origin in a trace of its own, or in none."""
    if chance.random() < 0.5:
        return Origin(tenant)
    trace_id = f"{chance.getrandbits(128):032x}"
    return Origin(tenant, trace_id, {"traceparent": f"00-{trace_id}-1-01", "tracestate": "a=b"})


def test_random_requests_of_random_tenants_are_read_as_each_would_be_by_itself_or_not_at_all() -> None:
    chance = random.Random(11)
    requests = KnownRequests(RETRY)
    usual = [generic(text, labels={"of": text}) for text in "abc"]
    read = 0
    for _ in range(1_500):
        request = pb.CreateJobRequest()
        if chance.random() < 0.6:
            request.CopyFrom(chance.choice(usual))
            request.job.priority = chance.choice([pb.Job.LOW, pb.Job.HIGH])
        else:
            request.CopyFrom(random_message(pb.CreateJobRequest, chance, ("work", "mine", "blue") * 8))
        origin = origin_of(chance, chance.choice(["acme", "default", "south"]))
        expected, given = by_itself(request, origin), pb.CreateJobRequest()
        given.CopyFrom(request)

        found = requests.read(given, origin)

        if found is None:
            assert given == request
        else:
            read += 1
            assert expected is not None
            assert not request.validate_only
            assert but_for_the_new(found) == but_for_the_new(expected)
    assert read > 500


def test_a_tenant_whose_requests_are_all_different_costs_the_others_nothing() -> None:
    requests = KnownRequests(RETRY)
    for number in range(500):
        requests.read(generic(unique_key=f"k-{number}"), Origin("odd"))

    assert requests.read(generic(), Origin("odd")) is None
    assert requests.read(generic(), Origin("acme")) is not None


def test_after_many_requests_what_was_unlike_is_forgotten() -> None:
    requests = KnownRequests(RETRY)
    for number in range(known.RENEWED_AFTER):
        requests.read(generic(unique_key=f"k-{number}"), Origin("odd"))

    assert requests.read(generic(), Origin("odd")) is not None


def test_more_tenants_than_are_known_at_once_are_all_read() -> None:
    requests = KnownRequests(RETRY)
    for number in range(2 * known.MOST_TENANTS + 1):
        assert requests.read(generic(), Origin(f"t{number}")) is not None


@pytest.mark.parametrize("labels", [{}, {"team": "blue"}])
def test_what_a_caller_must_not_ask_is_left_to_the_rules(labels: dict[str, str]) -> None:
    requests = KnownRequests(RETRY)
    for _ in range(2):
        assert requests.read(generic(labels=labels), Origin("acme")) is not None
        assert requests.read(generic(labels=labels, timeout={"seconds": -1}), Origin("acme")) is None
        assert requests.read(generic(labels={**labels, "Not One": "x"}), Origin("acme")) is None
