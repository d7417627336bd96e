"""The most that it can cost to have a text read by a model, whatever the model does short of not answering.

Every answer comes back cut, is asked for with twice the room, breaks rules, and is asked for again; so each
question is four calls, of which each takes all the room that it has, and comes in time only when it is made
once more. Tests hold this to the requests that workers make for texts of many shapes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from common.provider.models import ModelCard
from common.provider.planning import DEBATE_TOKENS, EXPECTED_TOKENS, OUTPUT_TOKENS, WINDOW_TOKENS
from common.provider.tokens import estimate_tokens

#: Prompt, schema and frames of a request, and the violations that a repair prompt names (tokens).
_PROMPT_TOKENS: Final = 2_200
_REPAIR_TOKENS: Final = 1_800
#: Where a sentence may end: more often than it does. Without an end, after so many words or characters.
_ENDS: Final = re.compile(r"[.!?…。！？؟।॥]+|\n")
_SENTENCE_WORDS: Final = 80
_SENTENCE_CHARACTERS: Final = 2_000
#: What a window counts for each sentence; and what stands around it, and around a turn, on the wire.
_SENTENCE_TOKENS: Final = 16
_SENT_TOKENS: Final = 26
_TURN_TOKENS: Final = 18
#: A name becomes a placeholder, which is longer by so much; and names may be found where none has a capital.
_NAME: Final = re.compile(r"[^\W\d_a-z]\w*|\d[\d ().-]*|\S*[@/]\S*")
_PLACEHOLDER_TOKENS: Final = 5
_MARGIN: Final = 1.15
#: A quotation mark or a backslash is escaped twice; so is what cannot be seen, at more length.
_ESCAPED: Final = re.compile(r"[\"\\]")
_UNSEEN: Final = re.compile(r"[\x00-\x1f]")
_UNSEEN_TOKENS: Final = 4


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a text is at most: as windows count it, and as it is sent (tokens)."""

    counted: int
    sent: int
    #: Of the longest turn, as windows count it.
    longest: int

    @classmethod
    def of(cls, turns: Iterable[str]) -> Extent:
        """Measure what was said."""
        counted = sent = longest = 0
        for said in turns:
            names = len(_NAME.findall(said))
            text = math.ceil(_MARGIN * (estimate_tokens(said) + _PLACEHOLDER_TOKENS * names))
            sentences = 1 + len(_ENDS.findall(said)) + len(said) // _SENTENCE_CHARACTERS
            sentences += len(said.split()) // _SENTENCE_WORDS
            own = text + _SENTENCE_TOKENS * sentences
            escapes = len(_ESCAPED.findall(said)) + _UNSEEN_TOKENS * len(_UNSEEN.findall(said))
            counted += own
            sent += text + _SENT_TOKENS * sentences + _TURN_TOKENS + 2 * escapes
            longest = max(longest, own)
        return cls(counted, sent, longest)

    def windows(self, tokens: int) -> int:
        """Return the most windows that it may be cut into; one of `tokens`."""
        if self.counted <= tokens:
            return 1
        # The turn that begins a window is told once more, and the one that it has no room for is not in it;
        # and any three windows in a row hold more than one of fresh turns.
        fresh = max(tokens // 3, tokens - 2 * self.longest)
        return 2 + self.counted // fresh

    def sent_at_once(self, tokens: int) -> int:
        """Return what of it one window of `tokens` sends at most."""
        share = min(1.0, tokens / max(1, self.counted))
        # Short sentences may all stand together: what is around them weighs most.
        most = math.ceil(tokens * (_SENT_TOKENS + _TURN_TOKENS + 2) / (_SENTENCE_TOKENS + 2))
        return self.sent if share == 1.0 else min(self.sent, most)


@dataclass(frozen=True, slots=True)
class Most:
    """What is read at most, how often."""

    said: Extent
    passes: int
    #: Sent with every window: the motion, and who takes part (tokens).
    about: int = 0
    #: It is sent in one window, behind what this says of its debate.
    beside: Extent | None = None

    def micro_usd(self, card: ModelCard) -> int:
        """Return the most that a model costs (millionths of a dollar).

        Raises:
            PriceUnknown: The card does not say.
        """
        rounds = self._rounds()
        first = rounds[0][1]
        if first + 2 * OUTPUT_TOKENS + _REPAIR_TOKENS <= card.context_tokens:
            rounds = rounds[:1]
        return self.passes * sum(windows * _asked(card, sent) for windows, sent in rounds)

    def _rounds(self) -> list[tuple[int, int]]:
        """Return windows and tokens of each: as it is asked first, and where that is too long for a model."""
        fixed = _PROMPT_TOKENS + self.about
        if self.beside is not None:
            debate = self.beside.sent_at_once(DEBATE_TOKENS)
            return [(1, fixed + self.said.sent + debate), (1, fixed + self.said.sent)]
        sizes = WINDOW_TOKENS, WINDOW_TOKENS // 2
        return [(self.said.windows(size), fixed + self.said.sent_at_once(size)) for size in sizes]


def _asked(card: ModelCard, sent: int) -> int:
    """Return what one question costs at most: cut, and with more room; then both once more to be mended.

    Before each there is one that was not answered in time, which counts as if it had been, as is expected.
    """
    room = min(OUTPUT_TOKENS, card.max_output_tokens)
    more = min(2 * OUTPUT_TOKENS, card.max_output_tokens)
    return sum(
        card.cost_micro_usd(tokens, 0, output) + card.cost_micro_usd(tokens, 0, min(EXPECTED_TOKENS, output))
        for tokens in (sent, sent + _REPAIR_TOKENS)
        for output in (room, more)
    )
