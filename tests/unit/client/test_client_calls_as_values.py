"""Calls are values that fit the contract, and both clients have all of them under the same names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from bothsides.jobs import v1 as pb
from bothsides_client.async_client import AsyncClient
from bothsides_client.call import Bulk, Call, Pages, Stream, Wait, Watch
from bothsides_client.calls import bulk, conversations, jobs, monitoring, providers, queues, watches
from bothsides_client.calls.bulk import BULK_LIMIT, BULK_LIMIT_BYTES
from bothsides_client.client import Client
from bothsides_client.errors import Failure, Unavailable
from support.replies import method

MODULES = (bulk, conversations, jobs, monitoring, providers, queues, watches)
#: An argument for each parameter without a default, by its annotation.
EXAMPLES: dict[str, Any] = {
    "str": "a",
    "pb.Job": pb.Job(job_id="a"),
    "pb.Queue": pb.Queue(name="a"),
    "pb.ProviderLimits": pb.ProviderLimits(provider="a", model="b"),
    "pb.TenantBudgets": pb.TenantBudgets(tenant="a"),
    "pb.Conversation": pb.Conversation(conversation_id="a"),
    "Iterable[pb.Job]": [pb.Job()],
}


def builders() -> dict[str, Callable[..., Any]]:
    """Return every function that builds a call, by name."""
    kinds = ("Call[", "Pages[", "Watch[", "Stream[", "Wait[", "Bulk[")
    return {
        name: function
        for module in MODULES
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if not name.startswith("_") and str(function.__annotations__.get("return", "")).startswith(kinds)
    }


def example(build: Callable[..., Any]) -> Any:
    parameters = inspect.signature(build).parameters.values()
    required = [each for each in parameters if each.default is inspect.Parameter.empty]
    return build(*(EXAMPLES[each.annotation] for each in required))


def place_of(built: Any) -> tuple[Any, Any]:
    """Return what names the method, and its request."""
    match built:
        case Call() | Stream():
            return built, built.request
        case Pages():
            return built.call, built.call.request
        case Watch():
            return built, built.request("token")
        case Wait():
            return built.watch, built.watch.request("token")
        case Bulk():
            return place_of(next(built.calls()))
    raise TypeError(f"{built!r} is no kind of call")


@pytest.mark.parametrize("name", sorted(builders()))
def test_a_call_is_a_method_of_the_contract_with_its_request(name: str) -> None:
    place, request = place_of(example(builders()[name]))
    descriptor = method(place.service, place.method)
    assert descriptor.input_type is request.DESCRIPTOR
    assert descriptor.server_streaming == isinstance(place, Watch | Stream)


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_a_client_has_every_call_with_its_signature_and_words(client: type) -> None:
    for name, build in builders().items():
        has = getattr(client, name)
        assert has.__doc__ == build.__doc__, name
        assert list(inspect.signature(has).parameters)[1:] == list(inspect.signature(build).parameters), name


def test_every_method_of_the_contract_is_a_call() -> None:
    """A method that is added to the contract is one that the client lacks."""
    places = [place_of(example(build))[0] for build in builders().values()]
    called = {(place.service, place.method) for place in places}
    there = {
        (service.name, each.name)
        for service in {method(*each).containing_service for each in called}
        for each in service.methods
    }
    assert there - called == set()


def test_pages_end_without_a_token_and_keep_the_request() -> None:
    pages = jobs.list_jobs("state = FAILED", page_size=7)
    rest = pages.after(pb.ListJobsResponse(next_page_token="t"))
    assert rest is not None
    assert rest.call.request == pb.ListJobsRequest(
        filter="state = FAILED", page_size=7, page_token="t", view=pb.JOB_VIEW_BASIC
    )
    assert rest.after(pb.ListJobsResponse()) is None
    assert pages.call.request == pb.ListJobsRequest(
        filter="state = FAILED", page_size=7, view=pb.JOB_VIEW_BASIC
    )


class TestBulk:
    def test_calls_are_closed_by_count(self) -> None:
        calls = list(bulk.create_jobs([pb.Job()] * (2 * BULK_LIMIT + 1)).calls())
        assert [len(self.requests(call)) for call in calls] == [BULK_LIMIT, BULK_LIMIT, 1]

    def test_calls_are_closed_by_size(self) -> None:
        """Forty jobs of a million bytes are more than one message may have."""
        text = pb.ReflectionProcessingSpec(text="x" * 1_000_000)
        job = pb.Job(spec=pb.JobSpec(reflection_processing=text))
        calls = list(bulk.create_jobs([job] * 40).calls())
        assert [len(self.requests(call)) for call in calls] == [8, 8, 8, 8, 8]
        assert all(call.request.ByteSize() <= BULK_LIMIT_BYTES for call in calls)

    def test_one_item_that_is_too_large_goes_alone(self) -> None:
        text = pb.ReflectionProcessingSpec(text="x" * (BULK_LIMIT_BYTES + 1))
        large = pb.Job(spec=pb.JobSpec(reflection_processing=text))
        calls = list(bulk.create_jobs([pb.Job(), large, pb.Job()]).calls())
        assert [len(self.requests(call)) for call in calls] == [1, 1, 1]

    def test_nothing_is_no_call(self) -> None:
        assert list(bulk.create_jobs([]).calls()) == []

    def test_a_call_that_fails_leaves_its_error_at_each_item(self) -> None:
        many = bulk.create_jobs([pb.Job(), pb.Job()], ["a", "b"])
        error = Unavailable(Failure("UNAVAILABLE", "", "away"))
        outcomes = many.failed(next(many.calls()), error)
        assert [(each.request_id, each.job, each.error) for each in outcomes] == [
            ("a", None, error),
            ("b", None, error),
        ]

    @staticmethod
    def requests(call: Call[Any]) -> Any:
        assert isinstance(call.request, pb.CreateJobsRequest)
        return call.request.requests
