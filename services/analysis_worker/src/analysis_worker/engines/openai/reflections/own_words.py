"""Words of a model that an author will read: what they may hold, and the names put back in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from analysis_worker.engines.openai.outbound import Line, Outbound
from analysis_worker.engines.openai.prompts import system_text
from analysis_worker.privacy.injection import speaks_to_a_model
from analysis_worker.privacy.placeholders import PLACEHOLDER
from common.content.lists import content_flags

#: Longer remarks are no short sentences.
_LONGEST: Final = 400
#: So many words in a row of what the model was told are no words of its own.
_ECHO: Final = 7
_WORD: Final = re.compile(r"\w+")
_SPEAKER: Final = re.compile(r"\[?\bS\d{1,4}\b\]?")


def problem_with(debate: Outbound, words: str, lines: Sequence[Line | None]) -> str:
    """Say what is wrong with words about some sentences, or "".

    They may name the speakers, and what their sentences hold: nobody can have a debate's placeholders listed.
    """
    if not words.strip() or len(words) > _LONGEST:
        return f"has no words, or more than {_LONGEST} characters"
    if not words.isprintable() or "://" in words or "<" in words:
        return "has words that are not plain"
    shown = {f"[{speaker}]" for speaker in debate.people}
    shown |= {found for line in lines if line is not None for found in PLACEHOLDER.findall(line.text)}
    if not set(PLACEHOLDER.findall(words)) <= shown:
        return "has a placeholder that does not stand in its sentences"
    if content_flags(words) or speaks_to_a_model(words):
        return "has words that nobody should read"
    return "repeats these rules" if _echoes(words) else ""


def restored(debate: Outbound, words: str) -> str:
    """Return words of the model with people's names in the place of S1 and so on, and originals put back."""

    def name(match: re.Match[str]) -> str:
        speaker = match.group().strip("[]")
        return f"[{speaker}]" if speaker in debate.people else match.group()

    return debate.placeholders.restore(_SPEAKER.sub(name, words))


def _echoes(words: str) -> bool:
    told = f" {' '.join(_plain(system_text('reflection')))} "
    said = _plain(words)
    return any(f" {' '.join(said[start : start + _ECHO])} " in told for start in range(len(said) - _ECHO + 1))


def _plain(text: str) -> list[str]:
    return _WORD.findall(text.lower())
