"""All keys that one script touches lie in one slot of a cluster, whatever the names."""

from __future__ import annotations

from dataclasses import astuple

from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from common.store import keys
from common.store.keys import queue_keys

NAMESPACES = st.from_regex(r"[a-z][a-z0-9_-]{0,39}", fullmatch=True)
QUEUES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9._-]{0,99}", fullmatch=True)
#: Of tenants, jobs and documents; also such as look like a hash tag themselves.
NAMES = st.text(min_size=1, max_size=20) | st.sampled_from(["{", "}", "{}", "}{x}"])


def slots(*names: str) -> set[int]:
    return {key_slot(name.encode()) for name in names}


@given(NAMESPACES, QUEUES, NAMES)
def test_all_keys_of_a_queue(namespace: str, queue: str, name: str) -> None:
    of_queue = queue_keys(namespace, queue)
    built = [f"{of_queue.prefix}{kind}:{name}" for kind in ("job", "ready", "request", "done", "fetched")]

    assert len(slots(*of_queue.all(), of_queue.job(name), of_queue.events, of_queue.wake, *built)) == 1


@given(NAMESPACES, NAMES)
def test_all_keys_of_the_register_of_workers(namespace: str, name: str) -> None:
    index, prefix = keys.workers(namespace)

    assert len(slots(index, prefix + name)) == 1


@given(NAMESPACES, st.sampled_from(["conversations", "analyses"]), NAMES, NAMES)
def test_all_documents_of_one_kind_and_tenant(namespace: str, kind: str, tenant: str, name: str) -> None:
    index, prefix = keys.documents(namespace, kind, tenant)

    assert len(slots(index, prefix + name)) == 1


@given(NAMESPACES, NAMES, NAMES)
def test_a_conversation_and_what_stands_beside_it(namespace: str, tenant: str, name: str) -> None:
    index, prefix = keys.documents(namespace, "conversations", tenant)
    kept = keys.asked_about(namespace, tenant, name)

    assert kept.conversation == prefix + name
    assert len(slots(index, *astuple(kept))) == 1
    assert len({*astuple(kept)}) == 5


def test_two_queues_are_apart() -> None:
    """Which is what spreads them over the nodes."""
    assert len({key_slot(queue_keys("bothsides", queue).events.encode()) for queue in ("a", "b", "c")}) == 3
