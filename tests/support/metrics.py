"""What was measured, as plain values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Point:
    """One value of an instrument: a sum or a gauge; or of a histogram the sum and how many it is of."""

    name: str
    unit: str
    labels: Labels
    value: float
    count: int = 0
    #: Upper edges of buckets.
    edges: tuple[float, ...] = ()


def labels(**named: str) -> Labels:
    """Return labels; `a__b` stands for `a.b`."""
    return frozenset((name.replace("__", "."), value) for name, value in named.items())


def received(resources: Iterable[Any]) -> list[Point]:
    """Return what a collector was sent last of each series: sums are told from their beginning."""
    last: dict[tuple[str, str, Labels], Point] = {}
    for resource in resources:
        service = next(
            item.value.string_value for item in resource.resource.attributes if item.key == "service.name"
        )
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                kind = metric.WhichOneof("data")
                for data in getattr(metric, kind).data_points:
                    told = frozenset((item.key, _text(item.value)) for item in data.attributes)
                    last[service, metric.name, told] = _point(metric, kind, told, data)
    return list(last.values())


def _point(metric: Any, kind: str, told: Labels, data: Any) -> Point:
    if kind == "histogram":
        return Point(metric.name, metric.unit, told, data.sum, data.count, tuple(data.explicit_bounds))
    value = data.as_int if data.WhichOneof("value") == "as_int" else data.as_double
    return Point(metric.name, metric.unit, told, value)


def _text(value: Any) -> str:
    return str(getattr(value, value.WhichOneof("value")))


def of(points: Iterable[Point], name: str) -> dict[Labels, Point]:
    """Return an instrument's points by their labels."""
    return {point.labels: point for point in points if point.name == name}
