"""Values that are made quickly are what the frozen dataclasses behind them would be."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass, field, fields, replace

import pytest

from common.job.ids import JobId
from common.job.model import Job, JobRequest, RetryPolicy
from common.job.values import made_quickly


@made_quickly
@dataclass(frozen=True, slots=True)
class Point:
    """Somewhere."""

    x: int
    y: int = 2
    names: list[str] = field(default_factory=list)


@pytest.mark.parametrize("kind", [Job, JobRequest, Point])
def test_it_takes_the_arguments_of_its_fields_in_order(kind: type) -> None:
    assert list(inspect.signature(kind).parameters) == [part.name for part in fields(kind)]


def test_defaults_are_filled_in_and_factories_are_asked_each_time() -> None:
    first, second = Point(1), Point(1)

    assert (first.x, first.y, first.names) == (1, 2, [])
    assert first.names is not second.names


def test_an_argument_that_is_missing_or_unknown_is_refused() -> None:
    with pytest.raises(TypeError, match="'x'"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="'z'"):
        Point(1, z=3)  # type: ignore[call-arg]


def test_a_field_that_does_not_exist_cannot_be_set() -> None:
    with pytest.raises(AttributeError):
        Point(1).z = 3  # type: ignore[attr-defined]


def test_equality_and_copies_are_those_of_its_fields() -> None:
    request = JobRequest(JobId("ai-1"), "ai_analysis", "work", b"{}", retry=RetryPolicy(5))

    assert request == replace(replace(request, queue="other"), queue="ai_analysis")
    assert request != replace(request, payload=b"[]")
    assert hash(Point(1, names=())) == hash(Point(1, 2, ()))  # type: ignore[arg-type]
    assert copy.copy(request) == request
