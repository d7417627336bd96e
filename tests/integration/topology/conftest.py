"""The store in each of its shapes, empty for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.places import Place
from support.topology import ClusterOfServers, SentinelGroup, cluster_of_servers, sentinel_group


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep these tests together, so that their servers are started by one process only."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("topology"))


@pytest.fixture(scope="session")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelGroup]:
    """A master and a replica under sentinels, for tests that leave them as they are."""
    with sentinel_group(tmp_path_factory.mktemp("sentinels")) as group:
        yield group


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterOfServers]:
    """Three primaries, for tests that leave them as they are."""
    with cluster_of_servers(tmp_path_factory.mktemp("cluster")) as nodes:
        yield nodes


@pytest.fixture
def sentinel_place(sentinels: SentinelGroup) -> Place:
    """The master that the sentinels name, empty."""
    place = Place("sentinels", sentinels.variables, tuple(sentinels.servers))
    place.empty()
    return place


@pytest.fixture
def cluster_place(cluster: ClusterOfServers) -> Place:
    """The cluster, empty."""
    place = Place("cluster", cluster.variables, tuple(cluster.nodes))
    place.empty()
    return place


@pytest.fixture(params=["sentinel_place", "cluster_place"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each of the shapes that is not one server."""
    named: Place = request.getfixturevalue(request.param)
    return named
