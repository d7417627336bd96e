"""A reflection as it may leave the process: the last turn of its debate, under the debate's placeholders."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn
from analysis_worker.engines.local.lexicon import STOP_WORDS
from analysis_worker.engines.local.words import stem, words_of
from analysis_worker.engines.openai.outbound import Line, Outbound, Window, outbound_of
from analysis_worker.privacy.placeholders import PlaceholderMap
from common.provider.tokens import estimate_tokens

#: The turn id of evidence that stands in the reflection, as the local engine has it.
REFLECTION_TURN_ID: Final = "reflection"
#: Fewer words are not judged, by the local engine neither: nothing is asked for them.
FEWEST_WORDS: Final = 20
#: An author whose id is not known. Nobody is called so.
_AUTHOR: Final = "reflection-author"
#: What a sentence costs beside its text (tokens).
_FRAME_TOKENS: Final = 16


@dataclass(frozen=True, slots=True)
class Written:
    """A reflection and its debate. Holds the placeholder map: never logged, kept or sent as a whole."""

    debate: Outbound
    #: The place of the reflection among the turns.
    turn: int
    #: "S1" and so on.
    author: str

    @property
    def own(self) -> tuple[Line, ...]:
        """The sentences of the reflection that may be sent."""
        return tuple(line for line in self.debate.lines if line.turn == self.turn)

    @property
    def said(self) -> tuple[Line, ...]:
        """The sentences of the debate that may be sent."""
        return tuple(line for line in self.debate.lines if line.turn != self.turn)


def written(
    text: str,
    conversation: Conversation | None,
    participant_id: str | None,
    secret: bytes,
    kept: PlaceholderMap | None = None,
) -> Written:
    """Return a reflection by `participant_id` on `conversation`, where these are known.

    Args:
        kept: The debate's map, which stays as it is: the reflection is no part of the debate.
    """
    debate = conversation or Conversation("")
    author = participant_id or _AUTHOR
    people = list(debate.participants)
    known = {one.participant_id for one in people} | {turn.participant_id for turn in debate.turns}
    if author not in known:
        people.append(Participant(author, role=Role.AUDIENCE))
    whole = replace(
        debate,
        participants=tuple(people),
        turns=(*debate.turns, Turn(REFLECTION_TURN_ID, author, text)),
    )
    outbound = outbound_of(whole, secret, kept)
    speaker = next(speaker for speaker, who in outbound.people.items() if who == author)
    return Written(outbound, len(debate.turns), speaker)


def window_of(reflection: Written, debate_tokens: int) -> Window:
    """Return what is sent together: the reflection, and before it what it may be about, in order.

    Of a debate that is too long those turns are taken whose words the reflection takes up, rare ones counting
    more; the author's own count double.
    """
    own, said = reflection.own, reflection.said
    if sum(map(_cost, said)) > debate_tokens:
        said = _nearest(own, said, reflection.author, debate_tokens)
    return Window((*said, *own))


def _nearest(own: Sequence[Line], said: Sequence[Line], author: str, most_tokens: int) -> tuple[Line, ...]:
    terms: dict[int, set[str]] = {}
    for line in said:
        terms.setdefault(line.turn, set()).update(_terms(line.text))
    held_by = Counter(term for found in terms.values() for term in found)
    wanted = {term for line in own for term in _terms(line.text)}
    speakers = {line.turn: line.speaker for line in said}

    def nearness(turn: int) -> tuple[float, int]:
        shared = math.fsum(math.log(1 + len(terms) / held_by[term]) for term in sorted(wanted & terms[turn]))
        return -shared * (2 if speakers[turn] == author else 1), turn

    taken: set[int] = set()
    left = most_tokens
    for turn in sorted(terms, key=nearness):
        cost = sum(_cost(line) for line in said if line.turn == turn)
        if cost <= left:
            taken.add(turn)
            left -= cost
    return tuple(line for line in said if line.turn in taken)


def _terms(text: str) -> set[str]:
    return {stem(word) for word in words_of(text) if len(word) > 2 and word not in STOP_WORDS}


def _cost(line: Line) -> int:
    return estimate_tokens(line.text) + _FRAME_TOKENS


def long_enough(reflection: Written) -> bool:
    """Say whether there is enough to judge."""
    return sum(len(words_of(line.text)) for line in reflection.own) >= FEWEST_WORDS
