"""Tells the language of a debate and of its turns (py3langid, an offline naive Bayes over byte n-grams)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

from analysis_worker.domain.metric import rounded
from analysis_worker.engines.local.lexicon import STOP_WORDS

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

#: Enough to be sure of, and 0.05 s of work.
_SAMPLE_CODE_POINTS: Final = 10_000
#: Below this many words the identifier is often wrong, and its confidence is cut in proportion.
_ENOUGH_WORDS: Final = 20
#: A declared language is overruled only by this much text and this much certainty.
_OVERRULING_WORDS: Final = 50
_OVERRULING_CONFIDENCE: Final = 0.9
_UNDETERMINED: Final = "und"
#: Half of spoken English is function words, and under a fifth of any other language looks like them: what has
#: this many is English, without asking further. It saves nearly all of the time.
_SURELY_ENGLISH: Final = 0.35
_TURN_SAMPLE_CODE_POINTS: Final = 1_000
_TURN_CONFIDENCE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Language:
    """A BCP 47 tag and how sure it is, 0 to 1."""

    tag: str
    confidence: float

    @property
    def english(self) -> bool:
        """Tell whether the lexicons apply."""
        return self.primary == "en"

    @property
    def primary(self) -> str:
        """The tag without script, region and the like."""
        return self.tag.lower().replace("_", "-").split("-")[0]


def identify(texts: Iterable[str], word_count: int, declared: str = "") -> Language:
    """Return the language of `texts`, which the text itself may correct if it was `declared` wrong.

    What is declared stands where there is little text; what the text says stands where there is enough of it.
    """
    sample = _sample(texts)
    if word_count == 0 or not sample:
        return Language(declared or _UNDETERMINED, 0.0)
    tag, certainty = _identifier().classify(sample)
    confidence = rounded(min(1.0, float(certainty) * min(1.0, word_count / _ENOUGH_WORDS)))
    found = Language(str(tag), confidence)
    if not declared:
        return found
    if Language(declared, 0.0).primary == found.tag:
        return Language(declared, confidence)
    if word_count >= _OVERRULING_WORDS and confidence >= _OVERRULING_CONFIDENCE:
        return found
    return Language(declared, rounded(1.0 - confidence))


def other_language(text: str, words: Sequence[str], language: Language) -> Language | None:
    """Return the language of a turn, if it is surely not the debate's; None also where it is too short."""
    if len(words) < _ENOUGH_WORDS:
        return None
    if language.english and sum(word in STOP_WORDS for word in words) >= _SURELY_ENGLISH * len(words):
        return None
    tag, certainty = _identifier().classify(text[:_TURN_SAMPLE_CODE_POINTS])
    if certainty < _TURN_CONFIDENCE or str(tag) == language.primary:
        return None
    return Language(str(tag), rounded(min(1.0, float(certainty))))


def _sample(texts: Iterable[str]) -> str:
    parts: list[str] = []
    length = 0
    for text in texts:
        parts.append(text[: _SAMPLE_CODE_POINTS - length])
        length += len(parts[-1]) + 1
        if length >= _SAMPLE_CODE_POINTS:
            break
    return " ".join(parts).strip()


@cache
def _identifier() -> LanguageIdentifier:
    """Load the model once a process, when first asked: 0.5 s, and for a moment some 100 MB."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
