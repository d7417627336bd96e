"""What it should cost to have a text read by a model, and what must be affordable, before anything is asked.

The figures are of windows as the workers cut them. Tests hold them to the requests that workers really make.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from common.provider.models import ModelCard
from common.provider.tokens import estimate_tokens

#: A window (tokens of its text and ids).
WINDOW_TOKENS: Final = 6_000
#: What is sent of a debate beside a reflection on it (tokens, likewise). A debate of half an hour fits whole.
DEBATE_TOKENS: Final = 8_000
#: The most that one answer may be (tokens).
OUTPUT_TOKENS: Final = 6_000
#: What an answer takes as a rule.
EXPECTED_TOKENS: Final = 2_000
#: Tokens of a request for each token of text in it, with ids, frames and the turn at which windows overlap;
#: and those of prompt and schema. Within 5 % of the requests for debates of 1 to 300 turns.
_SENT_PER_TOKEN: Final = 2.3
_PROMPT_TOKENS: Final = 1_100
#: Of a window, for each token of text.
_CUT_PER_TOKEN: Final = 2.1
#: What figures of all measures come to, in tokens of text that makes as long a request.
INSIGHTS_TOKENS: Final = 500
#: No request has a shorter prompt, and none about a longer text has less of it in its first window (words).
_LEAST_PROMPT_TOKENS: Final = 500
_LEAST_WINDOW_WORDS: Final = 1_500


@dataclass(frozen=True, slots=True)
class Reading:
    """What is to be read, and how often."""

    #: Of the text: an estimate that is not too low.
    tokens: int
    #: Of the text, by white space: it has no fewer tokens.
    words: int
    #: How often the whole text is asked about.
    passes: int
    #: It is sent in one window, however long it is.
    whole: bool = False

    @classmethod
    def of(cls, text: str, passes: int) -> Reading:
        """Measure a text."""
        return cls(estimate_tokens(text), len(text.split()), passes)

    @classmethod
    def of_reflection(cls, text: str, debate: str, passes: int) -> Reading:
        """Measure a reflection, with what is sent of its debate.

        That is no part of its words: where a model takes less, the debate stays away.
        """
        beside = min(estimate_tokens(debate), round(DEBATE_TOKENS / _CUT_PER_TOKEN))
        return cls(estimate_tokens(text) + beside, len(text.split()), passes, whole=True)

    def planned_micro_usd(self, card: ModelCard) -> int:
        """Return what it should cost if all is asked anew and nothing has to be repaired.

        Raises:
            PriceUnknown: The card does not say.
        """
        windows = 1 if self.whole else max(1, math.ceil(self.tokens * _CUT_PER_TOKEN / WINDOW_TOKENS))
        sent = _PROMPT_TOKENS + round(self.tokens * _SENT_PER_TOKEN / windows)
        return self.passes * windows * card.cost_micro_usd(sent, 0, EXPECTED_TOKENS)

    def least_micro_usd(self, card: ModelCard) -> int:
        """Return what must be affordable for a model to be asked about all of it.

        That is what is set aside for one call, and that every word is sent as often as it is asked about.

        Raises:
            PriceUnknown: The card does not say.
        """
        sent = _LEAST_PROMPT_TOKENS + min(self.words, _LEAST_WINDOW_WORDS)
        one_call = card.cost_micro_usd(sent, 0, min(OUTPUT_TOKENS, card.max_output_tokens))
        return max(one_call, self.passes * card.cost_micro_usd(self.words, self.words, 0))
