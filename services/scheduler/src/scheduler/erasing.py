"""Erases conversations with all that was made of them: placeholder map, models' answers, analysis, insights.

An erasure is written down before it begins, so that another replica ends what one has begun. What was under
way meanwhile may come in late: an answer, an analysis. So it looks again, the last time after the longest
call. What was paid stays counted.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from common.errors import JobsError
from common.store import erasure
from common.store.documents import ANALYSES, INSIGHTS
from common.store.erasure import Step
from common.store.keys import provider_keys
from common.store.operation import AsyncRunner

#: When it looks again (ms): a call takes seconds as a rule, and two hours at most.
LOOKS_MS: Final = (60_000, 600_000, 7_200_000)
#: Between two looks for steps that are due (s).
EVERY_S: Final = 5.0
#: Steps that are taken at once, and answers that are forgotten by one script.
STEPS: Final = 20
PAGE: Final = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure found."""

    conversation: bool
    analysis: bool
    answers: int
    #: Participants whose insights rested on it.
    insights: int

    @property
    def anything(self) -> bool:
        return self.conversation or self.analysis or self.answers > 0 or self.insights > 0


class Eraser:
    """Erases, and ends what was begun.

    Args:
        kept_elsewhere: Conversations are not in this store. Then nothing tells what is made of one anew from
            what has come in late, so that later looks are for the answers that were noted before alone.
    """

    def __init__(
        self,
        store: AsyncRunner,
        namespace: str,
        *,
        kept_elsewhere: bool = False,
        every_s: float = EVERY_S,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._kept_elsewhere = kept_elsewhere
        self._every_s = every_s
        self._closed = False

    async def erase(self, tenant: str, conversation_id: str) -> Erased:
        """Erase a conversation. Repeatable: what is gone already is not found.

        Raises:
            StoreUnavailable: It goes on in a minute, from where it was.
        """
        begin = Step(tenant, conversation_id, 0)
        await self._plan(begin, erasure.TAKEN_MS)
        erased = await self._begin(begin)
        await self._plan(Step(tenant, conversation_id, 1) if erased.anything else None, LOOKS_MS[0], begin)
        return erased

    def close(self) -> None:
        """End `run` with the step that is under way: redis-py may swallow a cancellation."""
        self._closed = True

    async def run(self) -> None:
        """Take steps that are due until closed or cancelled. A store that does not answer is tried again."""
        while not self._closed:
            try:
                await self.take()
            except JobsError as error:
                _log.debug("nothing erased: %s", error.reason)
            except Exception:
                _log.exception("nothing erased")
            await asyncio.sleep(self._every_s)

    async def take(self) -> int:
        """Take the steps that are due; return how many there were."""
        steps = await self._store.run(erasure.due(self._namespace, most=STEPS))
        for step in steps:
            if step.look == 0:
                await self._begin(step)
            else:
                await self._look_again(step)
            later = step.look < len(LOOKS_MS)
            follows = Step(step.tenant, step.conversation_id, step.look + 1) if later else None
            await self._plan(follows, LOOKS_MS[min(step.look, len(LOOKS_MS) - 1)], step)
        return len(steps)

    async def _begin(self, step: Step) -> Erased:
        # While it is noted whose they are: with the conversation that goes.
        insights = await self._forget_insights(step)
        conversation, answers = await self._store.run(
            erasure.erase(self._namespace, step.tenant, step.conversation_id)
        )
        forgotten, _ = await self._forget(step) if answers else (0, False)
        return Erased(conversation, await self._forget_analysis(step), forgotten, insights)

    async def _look_again(self, step: Step) -> None:
        if self._kept_elsewhere:
            await self._forget(step)
            return
        # Whoever was late may have noted an answer with what is gone, or have kept its analysis.
        await self._store.run(erasure.erase(self._namespace, step.tenant, step.conversation_id, late=True))
        _, again = await self._forget(step)
        if not again:
            await self._forget_analysis(step)

    async def _forget(self, step: Step) -> tuple[int, bool]:
        """Forget the noted answers; return how many there were, and whether the conversation is back."""
        forgotten = skip = 0
        while True:
            page = await self._store.run(
                erasure.remains(self._namespace, step.tenant, step.conversation_id, skip=skip, want=PAGE)
            )
            by_model: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
            for answer in page.answers:
                by_model[answer.provider, answer.model].append(answer.answer_id)
            for model, answer_ids in by_model.items():
                keys = provider_keys(self._namespace, *model)
                forgotten += await self._store.run(erasure.forget_answers(keys, answer_ids))
            skip += page.looked_at
            if page.looked_at < PAGE:
                return forgotten, page.again

    async def _forget_insights(self, step: Step) -> int:
        noted = await self._store.run(
            erasure.noted_insights(self._namespace, step.tenant, step.conversation_id)
        )
        gone = 0
        for participant_id in noted:
            gone += await self._store.run(
                erasure.forget_document(self._namespace, INSIGHTS, step.tenant, participant_id)
            )
        return gone

    async def _forget_analysis(self, step: Step) -> bool:
        return await self._store.run(
            erasure.forget_document(self._namespace, ANALYSES, step.tenant, step.conversation_id)
        )

    async def _plan(self, step: Step | None, delay_ms: int, *instead_of: Step) -> None:
        await self._store.run(erasure.plan(self._namespace, step, delay_ms=delay_ms, instead_of=instead_of))
