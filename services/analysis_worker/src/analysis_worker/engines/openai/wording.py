"""Words of a model's own, such as a reason or a label: what they may hold, and what is kept of them.

Checked before they are taken, and looked through for personal data anew before they are kept. A placeholder
is put back only if it stands in the sentences that the words are about: nobody can have all of them listed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import islice
from typing import Final

from analysis_worker.engines.openai.outbound import Line, Outbound
from analysis_worker.engines.openai.prompts import all_texts
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.injection import ANY, Suspicion, speaks_to_a_model
from analysis_worker.privacy.placeholders import PLACEHOLDER

#: Longer reasons are no short sentences.
MAX_WHY: Final = 400
#: So many words in a row that stand in a prompt were not found by chance.
_ECHO_WORDS: Final = 6
#: Lines that are looked at to tell a name from a word.
_MOST_ALIKE: Final = 20
_WORD: Final = re.compile(r"[^\W_]+")
_SPEAKER: Final = re.compile(r"\[?\bS\d{1,4}\b\]?")


def problem_with(
    debate: Outbound,
    words: str,
    lines: Iterable[Line | None],
    *,
    longest: int = MAX_WHY,
    suspicion: Suspicion = ANY,
) -> str:
    """Say what is wrong with words of a model about some sentences, or "".

    They may name the speakers, and what their sentences hold.

    Args:
        suspicion: As `suspicion_of` gives it for words of which these are some.
    """
    problem = not_plain(words, longest=longest, suspicion=suspicion)
    if not problem and "[" in words and not set(PLACEHOLDER.findall(words)) <= shown(debate, lines):
        return "has a placeholder that does not stand in its sentences"
    return problem


def suspicion_of(words: Iterable[str]) -> Suspicion:
    """Return what any of a model's words have of an instruction: what none has is not looked for in each."""
    return ANY.of("\n".join(words))


def not_plain(words: str, *, longest: int = MAX_WHY, suspicion: Suspicion = ANY) -> str:
    """Say what is wrong with words of a model whatever they are about, or ""."""
    if not words.strip() or len(words) > longest:
        return f"has no words, or more than {longest} characters of them"
    if not words.isprintable() or "://" in words or "<" in words:
        return "has words that are not plain"
    if speaks_to_a_model(words, suspicion):
        return "has words that speak to a model"
    if not _runs(words).isdisjoint(_prompts()):
        return "repeats what it was told"
    return ""


def shown(debate: Outbound, lines: Iterable[Line | None]) -> set[str]:
    """Return the placeholders that words about these sentences may hold."""
    own = {found for line in lines if line is not None for found in PLACEHOLDER.findall(line.text)}
    return own | {f"[{speaker}]" for speaker in debate.people}


def names_a_speaker(words: str) -> bool:
    """Say whether a participant stands in the words."""
    return _SPEAKER.search(words) is not None


def kept(debate: Outbound, words: str, lines: Sequence[Line]) -> str:
    """Return words as they are kept: with people's names, without what else looks like personal data."""

    def name(match: re.Match[str]) -> str:
        speaker = match.group().strip("[]")
        return f"[{speaker}]" if speaker in debate.people else match.group()

    words = _SPEAKER.sub(name, words)
    held = [(match.start(), match.end()) for match in PLACEHOLDER.finditer(words)]
    spans = [
        (span.start, span.end, f"[{span.kind.value}]")
        for span in Detector([words, debate.motion, *_alike(words, lines)], only=words).find(words)
        if not any(start < span.end and span.start < end for start, end in held)
    ]
    allowed = shown(debate, lines)
    for start, end in held:
        placeholder = words[start:end]
        known = debate.placeholders.restore(placeholder) if placeholder in allowed else "[…]"
        spans.append((start, end, known))
    for start, end, instead in sorted(spans, reverse=True):
        words = words[:start] + instead + words[end:]
    return words


def _alike(words: str, lines: Sequence[Line]) -> list[str]:
    """Return some lines that have a word of these: what they write small is no name."""
    wanted = set(_WORD.findall(words.lower()))
    found = (line.text for line in lines if not wanted.isdisjoint(_WORD.findall(line.text)))
    return list(islice(found, _MOST_ALIKE))


@cache
def _prompts() -> frozenset[tuple[str, ...]]:
    return frozenset(run for text in all_texts() for run in _runs(text))


def _runs(text: str) -> frozenset[tuple[str, ...]]:
    """Return all runs of words that are long enough to tell where they are from."""
    words = _WORD.findall(text.casefold())
    return frozenset(
        tuple(words[at : at + _ECHO_WORDS]) for at in range(max(0, len(words) - _ECHO_WORDS + 1))
    )
