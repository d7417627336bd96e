"""Every operation of the store, tested again on a cluster: a script that left its queue's slot would fail."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from common.store.operation import Client
from integration.store.test_large_messages import *  # noqa: F403
from integration.store.test_request_ids import *  # noqa: F403
from integration.store.test_retention import *  # noqa: F403
from integration.store.test_store_operations import *  # noqa: F403 - the tests are run again
from support.places import Place


@pytest.fixture
def client(cluster_place: Place) -> Iterator[Client]:
    """Stand in for the client of one server."""
    with cluster_place.client() as connected:
        yield connected
