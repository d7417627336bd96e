"""Which placeholder map a debate is sent with, when several jobs make one at the same time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from analysis_worker.runtime.children import ChildPool
from analysis_worker.transcript.sending import TRIES, kept_map, outbound
from analysis_worker.vault.port import KeptMap
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from support.attempts import RecordedAttempt, context_of
from support.debates import debate


class Vault:
    """A vault in which others are first with these maps, one each time that something is to be kept."""

    def __init__(self, *others: bytes) -> None:
        self.others = list(others)
        self.kept = KeptMap()
        self._writes = 0

    def _write(self, body: bytes) -> None:
        self._writes += 1
        self.kept = KeptMap(f"version-{self._writes}", body)

    async def load(self, tenant: str, conversation_id: str) -> KeptMap:
        return self.kept

    async def keep(self, tenant: str, conversation_id: str, body: bytes, *, over: KeptMap) -> bool:
        if self.others:
            self._write(self.others.pop(0))
        if over.version != self.kept.version:
            return False
        self._write(body)
        return True


@pytest.fixture(scope="module")
def children() -> Iterator[ChildPool]:
    pool = ChildPool(1)
    yield pool
    pool.close()


async def sent(children: ChildPool, vault: Vault | None, *texts: str) -> str:
    """Return what is sent of a debate whose turns have these texts."""
    conversation = debate(len(texts))
    for turn, text in zip(conversation.turns, texts, strict=True):
        turn.text = text
    context = context_of(RecordedAttempt(), vault=vault)
    async with children.hold(1) as lanes:
        made, _ = await outbound(context, lanes[0], "bridge", conversation.SerializeToString(), b"secret")
    return " ".join(line.text for line in made.unpacked().lines)


EARLIER = ("I met Ms. Vandersloot there.", "That was in town.")
LATER = ("I met Halvorsen and Ms. Vandersloot there.", "That was in town.")


async def test_of_two_jobs_the_second_sends_with_the_map_of_the_first(children: ChildPool) -> None:
    first = Vault()
    assert "Ms. [PERSON_1]" in await sent(children, first, *EARLIER)
    assert first.kept.body is not None

    alone = await sent(children, Vault(), *LATER)
    second = Vault(first.kept.body)
    beaten = await sent(children, second, *LATER)
    assert "[PERSON_1] and Ms. [PERSON_2]" in alone
    assert "[PERSON_2] and Ms. [PERSON_1]" in beaten
    # And the third with that of the second
    assert await sent(children, second, *LATER) == beaten
    assert second.kept.version == "version-2"


async def test_who_is_always_second_tries_again_later(children: ChildPool) -> None:
    maps = []
    for number in range(TRIES):
        one = Vault()
        await sent(children, one, f"I met Ms. Vandersloot and 212-555-01{number:02}.", "Yes.")
        assert one.kept.body is not None
        maps.append(one.kept.body)
    with pytest.raises(AttemptFailed) as caught:
        await sent(children, Vault(*maps), *EARLIER)
    assert (caught.value.error_class, caught.value.reason) == (
        ErrorClass.TRANSIENT,
        "PLACEHOLDERS_CONTENDED",
    )


async def test_a_map_that_this_version_cannot_read_is_made_anew(children: ChildPool) -> None:
    vault = Vault()
    vault.kept = KeptMap("version-0", b'{"form": 99}')
    assert "Ms. [PERSON_1]" in await sent(children, vault, *EARLIER)
    assert vault.kept.version == "version-1"


async def test_without_a_vault_a_map_is_made_and_not_kept(children: ChildPool) -> None:
    assert "Ms. [PERSON_1]" in await sent(children, None, *EARLIER)
    assert await kept_map(context_of(RecordedAttempt()), "bridge") is None


async def test_a_reflection_reads_the_map_of_its_debate() -> None:
    vault = Vault()
    vault.kept = KeptMap("version-1", b"map")
    context = context_of(RecordedAttempt(), vault=vault)
    assert await kept_map(context, "bridge") == b"map"
    assert await kept_map(context, "") is None
