"""Topics by a model: where each begins, what it is called, and how well it holds together.

What code can count stays code's: keywords, the distance from the motion, who spoke on what, open questions.
A label is made of words that were said; a cut falls between turns.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from analysis_worker.domain.metric import Basis, Metric, measured, shrunk
from analysis_worker.domain.topics import Segment, Topics
from analysis_worker.engines.local.document import Document
from analysis_worker.engines.local.lexicon import STOP_WORDS
from analysis_worker.engines.local.topics import analyze_topics
from analysis_worker.engines.local.words import stem, words_of
from analysis_worker.engines.openai.outbound import Line, Outbound, Window
from analysis_worker.engines.openai.schemas import Checked, Strict
from analysis_worker.engines.openai.wording import kept, names_a_speaker, problem_with, suspicion_of
from analysis_worker.privacy.injection import Suspicion
from analysis_worker.privacy.placeholders import PLACEHOLDER

#: The best coherence; the worst is 0.
MOST: Final = 4
MAX_LABEL: Final = 60
_MAX_LABEL_WORDS: Final = 8
#: Topics of one window at most: in annotated debates one lasts 48 sentences, and a window has some 200.
_MOST_SEGMENTS: Final = 20
#: Not surer than the local engine, before it was measured.
_COHERENCE: Final = 0.5
_HALF_SENTENCES: Final = 20
_BOUNDARY: Final = 0.4
_BETWEEN_WORDS: Final = " ,&'’-"
_NOT_SAID: Final = "has a label of words that were not said there"


class SaidSegment(Strict):
    first: str
    label: str
    coherence: int


class TopicsAnswer(Strict):
    segments: list[SaidSegment]


@dataclass(frozen=True, slots=True)
class WindowTopics:
    """What was said of one window."""

    answer: TopicsAnswer
    #: Its first and last sentence.
    first: str
    last: str


@dataclass(slots=True)
class _Stretch:
    """A topic on its way through the windows."""

    #: Where it begins among the debate's lines.
    place: int
    #: What windows said of it, with the lines that each saw.
    said: list[tuple[SaidSegment, Sequence[Line]]] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return sum(len(lines) for _, lines in self.said)


def check_topics(debate: Outbound, window: Window, answer: TopicsAnswer) -> Checked[TopicsAnswer]:
    """Keep what begins with a turn of this window, in order, under a label of words that were said in it."""
    places = {line.sid: place for place, line in enumerate(window.lines)}
    begins = sorted({places[said.first] for said in answer.segments if said.first in places})
    wrong: list[str] = []
    good: list[SaidSegment] = []
    suspicion = suspicion_of(said.label for said in answer.segments)
    latest = -1
    for number, said in enumerate(answer.segments):
        place = places.get(said.first)
        if place is None:
            problem = "begins with no sentence of the last message"
        elif place and window.lines[place - 1].turn == window.lines[place].turn:
            problem = "begins within a turn"
        elif place <= latest:
            problem = "does not begin after the one before"
        elif not 0 <= said.coherence <= MOST:
            problem = f"has a coherence outside 0 to {MOST}"
        elif len(good) == _MOST_SEGMENTS:
            problem = f"is one of more than {_MOST_SEGMENTS}"
        else:
            until = next((begin for begin in begins if begin > place), len(window.lines))
            problem = _bad_label(debate, said.label, window.lines[place:until], suspicion)
        if problem or place is None:
            wrong.append(f"segments[{number}] {problem}")
        else:
            latest = place
            good.append(said)
    if not answer.segments:
        wrong.append("segments is empty")
    return Checked(TopicsAnswer(segments=good), max(1, len(answer.segments)), tuple(wrong))


def _bad_label(debate: Outbound, label: str, lines: Sequence[Line], suspicion: Suspicion) -> str:
    """Say what is wrong with a label, or "". Half of its words at least were said: the rest may join them."""
    problem = problem_with(debate, label, lines, longest=MAX_LABEL, suspicion=suspicion)
    bare = PLACEHOLDER.sub(" ", label)
    if problem:
        return problem
    if names_a_speaker(label) or not all(map(_is_plain, bare)):
        return "has a label that is not plain words, or names a speaker"
    words = [word for word in words_of(bare) if word not in STOP_WORDS]
    if len(label.split()) > _MAX_LABEL_WORDS:
        return f"has a label of more than {_MAX_LABEL_WORDS} words"
    if not words:
        return "" if PLACEHOLDER.search(label) else _NOT_SAID
    left = list(words)
    for text in (debate.motion, *(line.text for line in lines)):
        said = "".join(f" {word}" for word in words_of(text))
        left = [word for word in left if f" {word}" not in said and f" {stem(word)}" not in said]
        if 2 * len(left) <= len(words):  # mostly so from the first lines on
            return ""
    return _NOT_SAID


def _is_plain(char: str) -> bool:
    """Say whether a character is part of words: in some scripts, vowels are marks."""
    return char.isalnum() or char in _BETWEEN_WORDS or unicodedata.category(char).startswith("M")


def topics_by_model(debate: Outbound, found: tuple[WindowTopics, ...], document: Document) -> Topics:
    """Return the topics with the model's cuts, labels and coherence; the local ones if nothing was said."""
    spoken = [turn.index for turn in document.turns]
    if not spoken:
        return analyze_topics(document)
    stretches = {
        # What was kept back at the very beginning, since it speaks to a model, begins no topic of its own.
        spoken[0] if not stretch.place else _from(spoken, debate.lines[stretch.place].turn): stretch
        for stretch in _stretches(debate, found)
    }
    begins = sorted({spoken[0], *stretches})
    made = analyze_topics(document, begins=begins)
    segments = tuple(
        _segment(segment, debate, stretches.get(begin))
        for segment, begin in zip(made.segments, begins, strict=True)
    )
    return replace(made, segments=segments, coherence=_average(segments, made.coherence))


def _from(spoken: Sequence[int], turn: int) -> int:
    """Return the turn, or the first with words behind it."""
    return spoken[min(bisect_left(spoken, turn), len(spoken) - 1)]


def _stretches(debate: Outbound, found: Sequence[WindowTopics]) -> list[_Stretch]:
    """Join what windows say of topics.

    What begins with a window goes on from the one before: windows overlap by a turn where they can, so that
    every cut stands inside one of them. Where they could not, the labels tell.
    """
    places = debate.places
    stretches: list[_Stretch] = []
    seen = 0
    for window in found:
        first, until = places[window.first], places[window.last] + 1
        begins = [places[said.first] for said in window.answer.segments]
        for said, begin, end in zip(window.answer.segments, begins, [*begins[1:], until], strict=False):
            lines = debate.lines[begin:end]
            inside = begin > 0 and debate.lines[begin - 1].turn == debate.lines[begin].turn
            if stretches and begin == first and (inside or begin < seen or _akin(stretches[-1], said)):
                stretches[-1].said.append((said, lines))
            else:
                stretches.append(_Stretch(begin, [(said, lines)]))
        seen = until
    return stretches


def _akin(stretch: _Stretch, said: SaidSegment) -> bool:
    """Say whether a topic is called by a word of the other's label."""
    before, after = (
        {stem(word) for word in words_of(label) if word not in STOP_WORDS}
        for label in (stretch.said[-1][0].label, said.label)
    )
    return not before.isdisjoint(after)


def _segment(segment: Segment, debate: Outbound, stretch: _Stretch | None) -> Segment:
    if stretch is None:
        return segment
    longest, lines = max(stretch.said, key=lambda entry: len(entry[1]))
    value = sum(said.coherence * len(seen) for said, seen in stretch.said) / (MOST * stretch.lines)
    by_model = segment.boundary_basis == "lexical"
    return replace(
        segment,
        label=kept(debate, longest.label, lines),
        coherence=measured(
            value, "0..1", stretch.lines, shrunk(_COHERENCE, stretch.lines, _HALF_SENTENCES), basis=Basis.LLM
        ),
        boundary_basis="model" if by_model else segment.boundary_basis,
        boundary_confidence=_BOUNDARY if by_model else segment.boundary_confidence,
    )


def _average(segments: Sequence[Segment], otherwise: Metric) -> Metric:
    """Return the mean over all sentences that the model saw."""
    rated = [
        (segment.coherence.value, segment.coherence.sample_size)
        for segment in segments
        if segment.coherence.value is not None and segment.coherence.basis is Basis.LLM
    ]
    count = sum(size for _, size in rated)
    if not count:
        return otherwise
    value = sum(value * size for value, size in rated) / count
    return measured(value, "0..1", count, shrunk(_COHERENCE, count, _HALF_SENTENCES), basis=Basis.LLM)
