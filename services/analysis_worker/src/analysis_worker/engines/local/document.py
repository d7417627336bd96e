"""A conversation prepared for analysis: cut into sentences and words once, for all dimensions.

Holds no text of its own: a sentence is a span of its turn. Judges nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from analysis_worker.domain.conversation import Conversation, Participant, Role, Turn
from analysis_worker.domain.metric import Evidence, quote
from analysis_worker.engines.local.language import Language, identify, other_language
from analysis_worker.engines.local.lexicon import STOP_WORDS, Cue, cues_in
from analysis_worker.engines.local.sentences import sentence_spans
from analysis_worker.engines.local.words import is_number, is_unspaced, stem, words_of

T = TypeVar("T")
#: A sentence that talks to whoever grades the debate. It counts as words, and for nothing else.
_TO_THE_GRADER: Final = re.compile(
    r"\b(?:score|rate|grade|rank|mark)\s+(?:me|us|my|our)\b[^.?!]{0,40}\b(?:\d+|ten|five|top|highest|best)\b"
    r"|\b(?:give|award)\s+(?:me|us|my side|our side)\b[^.?!]{0,40}"
    r"\b(?:\d+\s*(?:out of|points?|marks?)|(?:full|top|highest|maximum|best)\s+(?:marks?|scores?|ratings?))\b"
    r"|\b(?:ignore|disregard|forget)\s+(?:all\s+|any\s+|the\s+|your\s+)*(?:previous|prior|above|earlier)\s+"
    r"(?:instructions?|prompts?|rules?|messages?|directions?)\b"
    r"|\b(?:system|developer)\s+prompt\b|\bas an? (?:ai|language) (?:model|judge)\b",
    re.IGNORECASE,
)
#: One of these is in whatever it matches; to look for them first is faster.
_OF_THE_GRADER: Final = (
    *("score", "rate ", "grade", "rank", "mark", "rating", "points", "point ", "out of"),
    *("ignore", "disregard", "forget", "prompt", "as a", "award"),
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A span of a turn and what was read in it."""

    #: Place in the document, and of its turn.
    index: int
    turn_index: int
    #: Code points into the original turn.
    start: int
    end: int
    #: In lower case, in order.
    words: tuple[str, ...] = field(repr=False)
    #: Stems of the words that carry a topic, in order.
    content: tuple[str, ...] = field(repr=False)
    #: How often each cue occurs; empty in languages other than English.
    cues: Mapping[Cue, int]
    question: bool
    #: It speaks to whoever grades the debate, and is left out of every judgement.
    to_the_grader: bool

    def has(self, cue: Cue) -> bool:
        """Tell whether the cue occurs."""
        return cue in self.cues


@dataclass(frozen=True, slots=True)
class SpokenTurn:
    """A turn that is not empty, with its sentences."""

    #: Place among the conversation's turns, the empty ones included.
    index: int
    turn: Turn
    debater: bool
    sentences: tuple[Sentence, ...]
    word_count: int
    #: Distinct stems of content, in order of first use.
    content: tuple[str, ...] = field(repr=False)
    #: Its language, where that is surely another than the debate's. Its sentences have no cues.
    other_language: Language | None = None

    @property
    def speaker(self) -> str:
        """The participant's id."""
        return self.turn.participant_id


@dataclass(frozen=True, slots=True)
class Document:
    """What the dimensions read."""

    conversation: Conversation
    language: Language
    #: Those who are scored, in the roster's order; a speaker in no roster is a debater.
    debaters: tuple[Participant, ...]
    #: Turns with at least one word, in order.
    turns: tuple[SpokenTurn, ...]
    #: `conversation.sha256()`, computed once.
    sha256: str
    #: False where most words are single characters of a script that does not separate words.
    spaced: bool = True
    #: What was made of it, by what made it.
    _made: dict[Callable[[Document], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, make: Callable[[Document], T]) -> T:
        """Return what a function makes of the document alone: it is called once, and its value is shared."""
        if make not in self._made:
            self._made[make] = make(self)
        made: T = self._made[make]
        return made

    @property
    def english(self) -> bool:
        """Tell whether the lexicons apply."""
        return self.language.english

    @property
    def word_count(self) -> int:
        """Words of all turns."""
        return sum(turn.word_count for turn in self.turns)

    def sentences(self) -> Iterator[Sentence]:
        """Yield all sentences in order."""
        for turn in self.turns:
            yield from turn.sentences

    def debater_turns(self) -> Iterator[SpokenTurn]:
        """Yield the debaters' turns in order."""
        return (turn for turn in self.turns if turn.debater)

    def turns_by_debater(self) -> dict[str, list[SpokenTurn]]:
        """Return each debater's turns; an empty list for one who said nothing."""
        spoken: dict[str, list[SpokenTurn]] = {debater.participant_id: [] for debater in self.debaters}
        for turn in self.debater_turns():
            spoken[turn.speaker].append(turn)
        return spoken

    def opponents_of(self, participant_id: str) -> tuple[str, ...]:
        """Return the debaters on another side; without declared sides, all the others."""
        side = next(debater.side for debater in self.debaters if debater.participant_id == participant_id)
        return tuple(
            other.participant_id
            for other in self.debaters
            if other.participant_id != participant_id and not (side and other.side == side)
        )

    def text_of(self, sentence: Sentence) -> str:
        """Return the sentence as it stands in its turn."""
        return self.conversation.turns[sentence.turn_index].text[sentence.start : sentence.end]

    def evidence_of(self, sentence: Sentence) -> Evidence:
        """Return the sentence as evidence, copied from its turn."""
        turn = self.conversation.turns[sentence.turn_index]
        return quote(turn.turn_id, turn.text, sentence.start, sentence.end)


def prepare(conversation: Conversation) -> Document:
    """Cut a conversation into sentences and words and tell its language. Pure, whatever stands in it."""
    roster = _roster(conversation)
    debating = {participant.participant_id for participant in roster if participant.role is Role.DEBATER}
    spans = [sentence_spans(turn.text) for turn in conversation.turns]
    words = [
        [words_of(turn.text[start:end]) for start, end in found]
        for turn, found in zip(conversation.turns, spans, strict=True)
    ]
    word_count = sum(len(sentence) for turn in words for sentence in turn)
    language = identify((turn.text for turn in conversation.turns), word_count, conversation.language)
    turns: list[SpokenTurn] = []
    sentence_count = unspaced = 0
    for index, turn in enumerate(conversation.turns):
        spoken_words = [word for sentence in words[index] for word in sentence]
        other = other_language(turn.text, spoken_words, language)
        unspaced += 0 if turn.text.isascii() else sum(map(is_unspaced, spoken_words))
        english = language.english and other is None
        lower = turn.text.lower()
        graders = any(word in lower for word in _OF_THE_GRADER)
        sentences = tuple(
            _sentence(
                sentence_count + place, index, turn.text, span, spoken, english=english, graders=graders
            )
            for place, (span, spoken) in enumerate(zip(spans[index], words[index], strict=True))
        )
        sentence_count += len(sentences)
        if any(sentence.words for sentence in sentences):
            turns.append(
                SpokenTurn(
                    index=index,
                    turn=turn,
                    debater=turn.participant_id in debating,
                    sentences=sentences,
                    word_count=sum(len(sentence.words) for sentence in sentences),
                    content=tuple(dict.fromkeys(term for sentence in sentences for term in sentence.content)),
                    other_language=other,
                )
            )
    debaters = tuple(participant for participant in roster if participant.participant_id in debating)
    return Document(
        conversation,
        language,
        debaters,
        tuple(turns),
        conversation.sha256(),
        spaced=2 * unspaced <= word_count,
    )


#: A sentence with fewer words of content than one in so many says nothing; speech has one in three.
_FILLER: Final = 10
_NO_CUES: Final[Mapping[Cue, int]] = {}


def _sentence(
    index: int,
    turn_index: int,
    text: str,
    span: tuple[int, int],
    words: tuple[str, ...],
    *,
    english: bool,
    graders: bool,
) -> Sentence:
    """Return a sentence; `graders` says that the turn may speak to the grader."""
    start, end = span
    spoken = text[start:end]
    to_the_grader = graders and _TO_THE_GRADER.search(spoken) is not None
    return Sentence(
        index=index,
        turn_index=turn_index,
        start=start,
        end=end,
        words=words,
        content=() if to_the_grader else _content(words, english=english),
        cues=cues_in(words) if english and not to_the_grader else _NO_CUES,
        question=spoken.rstrip("\"'”’)]»」』 ").endswith(("?", "？", "؟", "?!", "?…")),
        to_the_grader=to_the_grader,
    )


def _content(words: tuple[str, ...], *, english: bool) -> tuple[str, ...]:
    """Return the stems that carry a topic. Without a stop list, short words stand in for function words.

    None in filler: a point could be made of its one rare word, and it would be made again in every turn.
    """
    if english:
        found = tuple(
            stem(word) for word in words if len(word) > 2 and word not in STOP_WORDS and not is_number(word)
        )
        return found if _FILLER * len(found) >= len(words) else ()
    return tuple(word for word in words if not is_number(word) and (len(word) > 3 or not word.isascii()))


def _roster(conversation: Conversation) -> tuple[Participant, ...]:
    """Return each participant once, then the speakers whom the conversation does not introduce."""
    known = {participant.participant_id: participant for participant in reversed(conversation.participants)}
    roster = {
        participant.participant_id: known[participant.participant_id]
        for participant in conversation.participants
    }
    for turn in conversation.turns:
        if turn.participant_id not in roster:
            roster[turn.participant_id] = Participant(turn.participant_id, turn.participant_id)
    return tuple(roster.values())
