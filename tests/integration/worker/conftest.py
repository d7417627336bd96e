"""Two workers that the tests of many modules give jobs to: their start costs more than most of the jobs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest

from support.worker_program import Desk, SharedWorker, shared_worker

SHARED: Final = {"plain_worker", "wide_worker"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process run all tests of these workers."""
    for item in items:
        if SHARED & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group("shared-workers"))


@pytest.fixture(scope="session")
def plain_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorker]:
    """A worker with one child and no key, at its most talkative. Its tests leave it as it was."""
    with shared_worker(tmp_path_factory.mktemp("plain"), LOG_LEVEL="DEBUG") as shared:
        yield shared


@pytest.fixture
def plain_desk(plain_worker: SharedWorker) -> Desk:
    """The desk of a tenant of its own at that worker."""
    return plain_worker.desk()


@pytest.fixture(scope="session")
def wide_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedWorker]:
    """A worker with two children for eight jobs."""
    with shared_worker(tmp_path_factory.mktemp("wide"), WORKER_CHILDREN="2", WORKER_THREADS="8") as shared:
        yield shared
