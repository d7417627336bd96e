"""Questions that were left standing: nobody who was asked took up a word of them, or said yes or no.

What is asked in passing, within a turn that goes on, is left out: most of that is rhetoric.
"""

from __future__ import annotations

from typing import Final

from analysis_worker.domain.metric import rounded, shrunk
from analysis_worker.domain.topics import OpenQuestion
from analysis_worker.engines.local.document import Document, Sentence, SpokenTurn

#: A question stands among the last sentences of its turn.
_LAST_SENTENCES: Final = 2
#: An answer comes within so many turns of other debaters.
_REACH_TURNS: Final = 2
#: A shorter question cannot be told from its echo.
_FEWEST_CONTENT_WORDS: Final = 3
_MOST: Final = 20
#: Who answers in other words is not seen, so this is a suspicion.
_CEILING: Final = 0.4
_HALF_WORDS: Final = 3
#: Where words are compared by their spelling alone.
_UNSTEMMED: Final = 0.5
_REPLIES: Final = frozenset(("yes", "no", "yeah", "yep", "nope", "absolutely", "because", "never", "sure"))
_OPENING_WORDS: Final = 4


def open_questions(document: Document) -> tuple[OpenQuestion, ...]:
    """Return the questions, in order; the surest, where there are more than 20."""
    found = [
        (turn, question)
        for place, turn in enumerate(document.turns)
        if (question := _asked(turn)) is not None and _left_open(document, place, question)
    ]
    found.sort(key=lambda entry: (-len(set(entry[1].content)), entry[1].index))
    trust = 1.0 if document.english else _UNSTEMMED
    return tuple(
        OpenQuestion(
            turn.speaker,
            document.evidence_of(question),
            rounded(trust * shrunk(_CEILING, len(set(question.content)), _HALF_WORDS)),
        )
        for turn, question in sorted(found[:_MOST], key=lambda entry: entry[1].index)
    )


def _asked(turn: SpokenTurn) -> Sentence | None:
    """Return the last question with which a turn ends."""
    for sentence in reversed(turn.sentences[-_LAST_SENTENCES:]):
        if sentence.question and len(set(sentence.content)) >= _FEWEST_CONTENT_WORDS:
            return sentence
    return None


def _left_open(document: Document, place: int, question: Sentence) -> bool:
    """Tell whether those who spoke next let the question stand; what nobody could answer is not open."""
    asker, asked = document.turns[place].speaker, set(question.content)
    heard = 0
    for turn in document.turns[place + 1 :]:
        if turn.debater and turn.speaker != asker:
            if not asked.isdisjoint(turn.content) or _replies(turn):
                return False
            heard += 1
            if heard == _REACH_TURNS:
                return True
        elif turn.speaker == asker and any(sentence.question for sentence in turn.sentences):
            break  # asked anew: that one counts
    return heard > 0


def _replies(turn: SpokenTurn) -> bool:
    return not _REPLIES.isdisjoint(turn.sentences[0].words[:_OPENING_WORDS])
