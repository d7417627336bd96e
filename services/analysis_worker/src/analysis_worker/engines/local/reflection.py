"""Reads what a participant wrote about a debate: signs of reflection, depth, and how it is grounded.

Depth follows the four levels of Kember et al. 2008, the signs Ullmann 2019. Both were made for people and
for large training sets; here they are phrases, so the depth is at most 0.5 sure. It is meant to start a
conversation, not to grade one. English only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Final

from analysis_worker.domain.conversation import Conversation, Turn
from analysis_worker.domain.metric import Evidence, Metric, measured, rounded, shrunk, unknown
from analysis_worker.domain.provenance import Provenance
from analysis_worker.domain.reflection import Depth, Indicator, ReflectionAnalysis
from analysis_worker.engines.local.document import Document, Sentence, prepare
from analysis_worker.engines.local.overlap import Overlap
from analysis_worker.engines.local.prompts import prompts_for
from analysis_worker.engines.local.reflection_signs import CHANGED_VIEW, SIGNS
from analysis_worker.engines.local.tone import valence_of
from analysis_worker.engines.local.version import ENGINE_NAME, ENGINE_VERSION

METHOD: Final = "reflection phrases (Ullmann 2019), depth by rule (Kember 2008), weighted overlap, VADER"
#: The turn id of evidence that stands in the reflection.
REFLECTION_TURN_ID: Final = "reflection"
_CONFIDENCE_CEILING: Final = 0.5
_TONE_CEILING: Final = 0.6
_HALF_SENTENCES: Final = 8
_FEWEST_WORDS: Final = 20
_FEWEST_CONTENT: Final = 3
_MAX_EVIDENCE: Final = 3


def analyze_reflection(
    text: str, conversation: Conversation | None = None, participant_id: str | None = None
) -> ReflectionAnalysis:
    """Return a reading of `text`, a reflection by `participant_id` on `conversation` where they are known."""
    turn = Turn(REFLECTION_TURN_ID, participant_id or "", text)
    document = prepare(Conversation("reflection", turns=(turn,)))
    sentences = list(document.sentences())
    found = _indicators(document, sentences) if document.english else {}
    changed = document.english and any(
        CHANGED_VIEW.search(document.text_of(sentence)) for sentence in sentences
    )
    grounded = None if conversation is None else _grounded(sentences, prepare(conversation), document)
    depth = _depth(document, found, changed=changed)
    return ReflectionAnalysis(
        depth=depth,
        confidence=(
            0.0
            if depth is Depth.UNKNOWN
            else rounded(shrunk(_CONFIDENCE_CEILING, len(sentences), _HALF_SENTENCES))
        ),
        indicators=tuple(Indicator(name, evidence) for name, evidence in found.items()),
        grounded_in_debate=grounded,
        tone=_tone(document, sentences),
        prompts=prompts_for(depth, frozenset(found), None if grounded is None else grounded.value),
        provenance=Provenance(
            dimension=None,
            engine=ENGINE_NAME,
            engine_version=ENGINE_VERSION,
            method=METHOD,
            input_sha256=_digest(text, conversation, participant_id),
        ),
    )


def _indicators(document: Document, sentences: Sequence[Sentence]) -> dict[str, tuple[Evidence, ...]]:
    found: dict[str, tuple[Evidence, ...]] = {}
    for name, wording in SIGNS.items():
        matching = [sentence for sentence in sentences if wording.search(document.text_of(sentence))]
        if matching:
            found[name] = tuple(document.evidence_of(sentence) for sentence in matching[:_MAX_EVIDENCE])
    return found


def _depth(document: Document, found: Mapping[str, object], *, changed: bool) -> Depth:
    """Apply Kember's levels, deepest first: changed view, relation to oneself, understanding, telling."""
    if not document.english or document.word_count < _FEWEST_WORDS:
        return Depth.UNKNOWN
    relates = len({"feelings", "awareness_of_difficulties", "perspective", "lessons_learned"} & found.keys())
    if changed and relates >= 2:
        return Depth.CRITICAL_REFLECTION
    if changed or relates >= 2 or ("lessons_learned" in found and "future_intentions" in found):
        return Depth.REFLECTION
    if relates or "personal_belief" in found or "future_intentions" in found:
        return Depth.UNDERSTANDING
    return Depth.HABITUAL_ACTION


def _grounded(sentences: Sequence[Sentence], debate: Document, reflection: Document) -> Metric:
    """Return how much of the reflection's content was spoken of in the debate, rare terms counting more."""
    content = list(dict.fromkeys(term for sentence in sentences for term in sentence.content))
    if debate.english != reflection.english:
        return unknown("0..1", "the reflection and the debate are in different languages")
    if len(content) < _FEWEST_CONTENT or not debate.turns:
        return unknown("0..1", "too little content to compare", sample_size=len(content))
    spoken = frozenset(term for turn in debate.turns for term in turn.content)
    return measured(
        Overlap(debate).share(content, spoken),
        "0..1",
        len(content),
        shrunk(_CONFIDENCE_CEILING, len(content), _HALF_SENTENCES),
    )


def _tone(document: Document, sentences: Sequence[Sentence]) -> Metric:
    if not document.english or not sentences:
        why_not = "the tone lexicon is English" if document.word_count else "nothing was written"
        return unknown("-1..1", why_not)
    scores = [valence_of(document.text_of(sentence)) for sentence in sentences]
    return measured(fmean(scores), "-1..1", len(scores), shrunk(_TONE_CEILING, len(scores), _HALF_SENTENCES))


def _digest(text: str, conversation: Conversation | None, participant_id: str | None) -> str:
    """Return a digest of all that the reading rests on."""
    parts = (text, "" if conversation is None else conversation.sha256(), participant_id or "")
    return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
