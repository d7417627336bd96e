"""What is flagged in one job, and what is done about it: on the way to a model, in its words, in the result.

The lists are always asked, of English. The provider's moderation is asked where the worker is told to, of all
that is sent and all that comes back, and of nothing else. Nothing hostile is quoted, here or in an error.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from analysis_worker.domain.provenance import Dimension
from analysis_worker.domain.safety import (
    Flagged,
    FlaggedWords,
    Moderation,
    Safety,
    SafetyAction,
    SafetyKind,
    SafetySource,
)
from analysis_worker.paid.port import BudgetSpent, CallHeld
from analysis_worker.privacy.safety import kinds_in
from analysis_worker.privacy.settings import Screening
from analysis_worker.transcript.rewriting import MASKED, mask_message, rewritten, texts_in
from bothsides.jobs import v1 as pb
from common.content.lists import mask
from common.content.rules import ContentAction, ContentRules
from common.job.failure import AttemptFailed
from common.job.model import ErrorClass
from common.provider.errors import ContentRefused, ProviderFailure
from common.provider.models import PriceUnknown

if TYPE_CHECKING:
    from analysis_worker.engines.openai.asking import Client
    from analysis_worker.engines.openai.outbound import Outbound

T = TypeVar("T")
_log = logging.getLogger(__name__)
#: Places that an error names.
_MOST_NAMED: Final = 5
_OUTCOME: Final = {
    ContentAction.FLAG: SafetyAction.FLAGGED,
    ContentAction.MASK: SafetyAction.MASKED,
    ContentAction.REFUSE: SafetyAction.REFUSED,
}
_PLACES: Final[Mapping[Dimension | None, int]] = {each: place for place, each in enumerate(Dimension)}
_ACTIONS: Final = {
    pb.ContentFilter.ACTION_UNSPECIFIED: ContentAction.FLAG,
    pb.ContentFilter.FLAG: ContentAction.FLAG,
    pb.ContentFilter.MASK: ContentAction.MASK,
    pb.ContentFilter.REFUSE: ContentAction.REFUSE,
}


class Screen:
    """One job's. Made for one event loop; told of the job's content as it comes.

    Args:
        screening: What the worker is told.
        wish: What the job asks for; the stricter of both holds.
    """

    def __init__(self, screening: Screening, wish: pb.ContentFilter) -> None:
        asked_for = ContentRules(_ACTIONS[wish.input], _ACTIONS[wish.output])
        self._rules = screening.rules.stricter(asked_for)
        self._model = screening.moderation_model
        self._fails_closed = screening.fails_closed
        self._english = False
        self._motion: frozenset[SafetyKind] = frozenset()
        self._flagged: tuple[Flagged, ...] = ()
        self._by_moderation: tuple[Flagged, ...] = ()
        self._received = asyncio.Event()
        self._reflection: int | None = None
        self._words: list[FlaggedWords] = []
        self._moderation = Moderation.NOT_ASKED
        self._asking = asyncio.Lock()
        #: Set once moderation has judged the debate, or failed to.
        self._judged = asyncio.Event()
        self._sent: Outbound | None = None

    @property
    def safety(self) -> Safety:
        """What is known so far."""
        words = sorted(self._words, key=lambda each: (_PLACES.get(each.dimension, 0), each.kind))
        flagged = (*self._flagged, *self._by_moderation)
        if self._sent is not None:
            flagged = tuple(
                replace(each, action=SafetyAction.WITHHELD)
                if each.kind is SafetyKind.MODEL_INSTRUCTION
                else each
                for each in flagged
            )
        return Safety(flagged, self._english, tuple(words), self._moderation, self._motion)

    def receive(self, safety: Safety, *, reflection: int | None = None) -> None:
        """Take in what the lists flag in a conversation.

        Args:
            reflection: The place among the turns of one that is a reflection on the others.

        Raises:
            AttemptFailed: It is to be refused.
        """
        self._english = safety.english
        self._reflection = reflection
        hostile = [each for each in safety.flagged if each.kind is not SafetyKind.MODEL_INSTRUCTION]
        self._motion |= safety.motion
        self._refuse(hostile)
        action = _OUTCOME[self._rules.input]
        self._flagged = tuple(
            replace(each, action=action) if each in hostile else each for each in safety.flagged
        )
        self._received.set()

    async def sent(self, client: Client, debate: Outbound) -> Outbound:
        """Return a debate as it may be sent. However many ask, it is screened once.

        Where something may have to be done about content, it waits for `receive`.

        Raises:
            AttemptFailed: It is to be refused.
            ProviderFailure: The moderation failed, and nothing may be sent without it; or as `moderated`.
            OriginalInPayload: Personal data is left in it.
        """
        if self.waits_for_reading:
            await self._received.wait()
        async with self._asking:
            if self._sent is None:
                try:
                    self._sent = await self._screened(client, debate)
                finally:
                    self._judged.set()
            return self._sent

    @property
    def waits_for_reading(self) -> bool:
        """Nothing is sent before it is known what the lists flag."""
        return self._rules.input is not ContentAction.FLAG

    @property
    def waits_for_moderation(self) -> bool:
        """Moderation has a say in what may be quoted."""
        return bool(self._model) and self._rules.input is not ContentAction.FLAG

    async def judged(self, asked: Iterable[asyncio.Task[Any]]) -> None:
        """Wait until it is known what may be quoted, where moderation has a say in that.

        Args:
            asked: Those that call `sent`. One that ends without it has no use for the moderation.
        """
        tasks = list(asked)
        if not tasks or not self.waits_for_moderation:
            return
        judged = asyncio.create_task(self._judged.wait())
        try:
            await asyncio.wait([judged, *tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            judged.cancel()

    async def words(self, client: Client, dimension: Dimension | None, found: T) -> T:
        """Return what a model found with its words as they may be kept.

        Raises:
            ContentRefused: They may not be.
            ProviderFailure: As for `sent`.
        """
        from analysis_worker.engines.openai.outbound import is_id

        # Most are ids, which are words of nobody's.
        texts = [text for text in dict.fromkeys(texts_in(found)) if not is_id(text)]
        by_lists = {text: kinds for text in texts if (kinds := kinds_in(text))}
        sentences = [text for text in texts if " " in text]
        judged = await self._moderated(client, sentences)
        by_moderation = {text: set(each) for text, each in zip(sentences, judged, strict=True) if each}
        action = _OUTCOME[self._rules.output]
        for source, flagged in (
            (SafetySource.LISTS, by_lists),
            (SafetySource.MODERATION, by_moderation),
        ):
            counts = Counter(kind for kinds in flagged.values() for kind in kinds)
            self._words += [
                FlaggedWords(dimension, kind, source, action, counts[kind])
                for kind in SafetyKind
                if kind in counts
            ]
        if not by_lists and not by_moderation:
            return found
        if action is SafetyAction.REFUSED:
            raise ContentRefused("words of the model are flagged")
        if action is SafetyAction.FLAGGED:
            return found
        return rewritten(found, lambda text: MASKED if text in by_moderation else mask(text))

    def mask(self, result: pb.DebateAnalysis | pb.ReflectionAnalysis) -> None:
        """Take out of a result what is hostile in the conversation, if it is to be masked."""
        if self._rules.input is ContentAction.MASK:
            mask_message(result, self._hidden, lists=self._english)

    @property
    def _hidden(self) -> Collection[str]:
        """Turns that are taken out as a whole: moderation does not say which of their words it means."""
        return {
            turn_id
            for each in self._by_moderation
            if each.action is SafetyAction.MASKED
            for turn_id in each.turn_ids
        }

    async def _screened(self, client: Client, debate: Outbound) -> Outbound:
        masks = self._rules.input is ContentAction.MASK
        if masks and self._english:
            debate = await asyncio.to_thread(_changed, debate, mask)
        turns: dict[int, list[str]] = defaultdict(list)
        for line in debate.lines:
            turns[line.turn].append(line.text)
        texts = [" ".join(said) for said in turns.values()]
        if self._model:
            debate.placeholders.assert_clean(" ".join((debate.motion, *texts)))
        *kinds, of_motion = await self._moderated(client, [*texts, debate.motion])
        flagged = {place: found for place, found in zip(turns, kinds, strict=True) if found}
        ids = {line.turn: line.evidence.turn_id for line in debate.lines}
        found = tuple(_by_kind(flagged, ids, _OUTCOME[self._rules.input]))
        self._motion |= of_motion
        self._refuse(found)
        self._by_moderation = found
        if not masks:
            return debate
        lines = tuple(line for line in debate.lines if line.turn not in flagged)
        return replace(
            debate,
            lines=lines,
            motion="" if of_motion else debate.motion,
            withheld=debate.withheld + len(debate.lines) - len(lines),
        )

    async def _moderated(self, client: Client, texts: Sequence[str]) -> list[frozenset[SafetyKind]]:
        """Return what the provider flags in each text: nothing where it is not asked, or failed open."""
        from analysis_worker.engines.openai.moderation import moderated

        if not self._model:
            return [frozenset()] * len(texts)
        try:
            kinds = await moderated(client, self._model, texts)
        except (ProviderFailure, CallHeld, BudgetSpent, PriceUnknown) as error:
            what = "nothing is sent or kept without it" if self._fails_closed else "going on without it"
            _log.warning("the moderation failed (%s): %s", type(error).__name__, what)
            if self._fails_closed:
                self._moderation = Moderation.FAILED_CLOSED
                raise
            if self._moderation is not Moderation.FAILED_CLOSED:
                self._moderation = Moderation.FAILED_OPEN
            return [frozenset()] * len(texts)
        if self._moderation is Moderation.NOT_ASKED:
            self._moderation = Moderation.ASKED
        return kinds

    def _refuse(self, flagged: Iterable[Flagged]) -> None:
        if self._rules.input is not ContentAction.REFUSE:
            return
        places = sorted({place for each in flagged for place in each.places})
        kinds = sorted({each.kind.value for each in flagged} | {kind.value for kind in self._motion})
        if not kinds:
            return
        turns = [f"turns[{place}]" for place in places if place != self._reflection]
        named = turns[:_MOST_NAMED] + [f"{len(turns) - _MOST_NAMED} more"] * (len(turns) > _MOST_NAMED)
        named += ["motion"] * bool(self._motion)
        where = [f"{', '.join(named)} of the conversation"] * bool(named)
        where += ["the text of the reflection"] * (self._reflection in places)
        raise AttemptFailed(
            ErrorClass.CONTENT_POLICY,
            "CONTENT_REFUSED",
            f"{' and '.join(where)}: flagged as {', '.join(kinds)}",
            suggestion="take it out and put or send it again, or ask for MASK or FLAG in "
            "content_filter.input if the workers' CONTENT_INPUT allows it",
        )


def _changed(debate: Outbound, change: Callable[[str], str]) -> Outbound:
    lines = tuple(replace(line, text=change(line.text)) for line in debate.lines)
    return replace(debate, lines=lines, motion=change(debate.motion))


def _by_kind(
    flagged: dict[int, frozenset[SafetyKind]], ids: dict[int, str], action: SafetyAction
) -> Iterable[Flagged]:
    """Yield the turns of each kind that moderation flags."""
    for kind in SafetyKind:
        places = tuple(place for place, kinds in flagged.items() if kind in kinds)
        if places:
            yield Flagged(
                kind, tuple(ids[place] for place in places), places, SafetySource.MODERATION, action
            )
