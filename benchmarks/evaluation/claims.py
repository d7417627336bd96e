"""Claims, premises and their links, against annotated debates.

A sentence, as the engine cuts it, has the label of the component that covers most of it, if that is 15
characters or half of the sentence. Who is no debater makes no claims, for the engine and for the markers
alike.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Final

from analysis_worker.domain.arguments import ComponentKind, RelationKind
from analysis_worker.domain.conversation import Conversation
from analysis_worker.engines.local.arguments import analyze_arguments
from analysis_worker.engines.local.claims import ScoredSentence, scored_sentences
from analysis_worker.engines.local.document import Document, Sentence, prepare
from analysis_worker.engines.local.lexicon import Cue
from analysis_worker.engines.local.relations import support_links
from analysis_worker.engines.local.words import is_number
from evaluation import gold
from evaluation.draw import bars, diagram
from evaluation.row import Part, Plot, Row, interval
from evaluation.scores import calibration_error, f1, macro_f1, pairs, reliability

LABELS: Final = ("none", "claim", "premise")
_FEWEST_CHARACTERS: Final = 15
#: What markers reach where somebody else chose them, on the same kind of debates.
PUBLISHED_MARKERS: Final = 0.533
#: A sentence with a marker has to be this long to count for the markers.
_MARKED_WORDS: Final = 6


@dataclass(frozen=True, slots=True)
class Debate:
    """What one debate contributes: counts of (wanted, found)."""

    three: Counter[tuple[str, str]]
    arguing: Counter[tuple[str, str]]
    markers: Counter[tuple[str, str]]
    markers_arguing: Counter[tuple[str, str]]
    shown: tuple[tuple[float, bool], ...]
    links: Mapping[str, tuple[int, int, int]]
    #: Support links where the annotated components are given: right, made, wanted.
    given: tuple[int, int, int]


def part(data: Path) -> Part:
    """Return the figures on claims and relations."""
    found = debates(data)
    rows = [
        _row(
            "claim / premise / none, macro-F1",
            found,
            lambda some: macro_f1(_sum(one.three for one in some), LABELS),
            reference="0.65 trained on all of the annotations; people: kappa 0.40 (Haddadan et al. 2019)",
        ),
        _row(
            "  the same by markers alone",
            found,
            lambda some: macro_f1(_sum(one.markers for one in some), LABELS),
            note="what the model has to beat by 0.01; with another list of markers 0.533",
        ),
        _row(
            "arguing or not, debaters, macro-F1",
            found,
            lambda some: macro_f1(_sum(one.arguing for one in some), ("yes", "no")),
            floor=0.65,
            aim=0.68,
            reference="0.72 trained on all of the annotations; people: kappa 0.57 (Haddadan et al. 2019)",
        ),
        _row(
            "  the same by markers alone",
            found,
            lambda some: macro_f1(_sum(one.markers_arguing for one in some), ("yes", "no")),
        ),
        _row(
            "calibration error of shown confidence",
            found,
            lambda some: calibration_error([shown for one in some for shown in one.shown]),
            floor=0.08,
            aim=0.05,
            at_most=True,
        ),
        _given_row(found),
        *(_link_row(kind, found) for kind in RelationKind),
    ]
    markers = rows[1].value or 0.0
    rows[0] = replace(rows[0], floor=max(markers, PUBLISHED_MARKERS) + 0.01, aim=0.58)
    three = _sum(one.three for one in found)
    shown = [shown for one in found for shown in one.shown]
    return Part(
        "Claims and premises",
        tuple(rows),
        (
            Plot("F1 of each class", bars([(label, f1(three, label)) for label in LABELS], most=1.0)),
            Plot("Shown confidence, and the share that was right", diagram(reliability(shown))),
        ),
    )


def _row(
    name: str, found: Sequence[Debate], statistic: Callable[[Sequence[Debate]], float], **about: Any
) -> Row:
    low, high = interval(found, statistic)
    count = sum(sum(one.three.values()) for one in found)
    return Row(name, statistic(found), n=count, low=low, high=high, **about)


def _link_row(kind: RelationKind, found: Sequence[Debate]) -> Row:
    def statistic(some: Sequence[Debate]) -> float:
        hits, made, there = (sum(one.links[kind.value][place] for one in some) for place in range(3))
        return 2 * hits / (made + there) if made + there else 0.0

    low, high = interval(found, statistic)
    return Row(
        f"{kind.value} links, F1 over all pairs",
        statistic(found),
        n=sum(one.links[kind.value][2] for one in found),
        low=low,
        high=high,
        note="components as the engine finds them; shown as suspected only",
    )


def _given_row(found: Sequence[Debate]) -> Row:
    def statistic(some: Sequence[Debate]) -> float:
        hits, made, there = (sum(one.given[place] for one in some) for place in range(3))
        return 2 * hits / (made + there) if made + there else 0.0

    low, high = interval(found, statistic)
    return Row(
        "support links, annotated components given, F1",
        statistic(found),
        n=sum(one.given[2] for one in found),
        low=low,
        high=high,
        floor=0.27,
        reference="0.29 by the nearest claim",
    )


def _sum(counts: Iterable[Counter[tuple[str, str]]]) -> Counter[tuple[str, str]]:
    total: Counter[tuple[str, str]] = Counter()
    for one in counts:
        total.update(one)
    return total


@cache
def debates(data: Path) -> tuple[Debate, ...]:
    """Analyse each debate once.

    Raises:
        MissingFile: Debates or annotations are not there.
    """
    components: defaultdict[tuple[str, str], list[tuple[int, int, str, str]]] = defaultdict(list)
    for one in gold.lines(data, "components"):
        components[one["debate_id"], one["turn_id"]].append(
            (one["start"], one["end"], one["label"].lower(), one["component_id"])
        )
    relations: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for one in gold.lines(data, "relations"):
        relations[one["debate_id"]].add((one["type"].lower(), one["source"], one["target"]))
    return tuple(_debate(debate, components, relations) for debate in gold.debates(data))


def _debate(
    conversation: Conversation,
    components: Mapping[tuple[str, str], Sequence[tuple[int, int, str, str]]],
    relations: Mapping[str, set[tuple[str, str, str]]],
) -> Debate:
    document = prepare(conversation)
    scored = {one.sentence.index: one for one in scored_sentences(document)}
    wanted: dict[int, str] = {}
    three: list[tuple[str, str]] = []
    marked: list[tuple[str, str]] = []
    debating: list[int] = []
    for turn in document.turns:
        here = components.get((conversation.conversation_id, turn.turn.turn_id), ())
        for sentence in turn.sentences:
            wanted[sentence.index] = label_of(sentence, here)
            one = scored.get(sentence.index)
            three.append((wanted[sentence.index], one.kind.value if one else "none"))
            marked.append((wanted[sentence.index], by_markers(sentence) if turn.debater else "none"))
            if turn.debater:
                debating.append(len(three) - 1)
    return Debate(
        three=Counter(three),
        arguing=_arguing(three[place] for place in debating),
        markers=Counter(marked),
        markers_arguing=_arguing(marked[place] for place in debating),
        shown=tuple((one.confidence, wanted[index] == one.kind.value) for index, one in scored.items()),
        links=_links(document, components, relations.get(conversation.conversation_id, set())),
        given=_given(document, components, relations.get(conversation.conversation_id, set())),
    )


def _arguing(labels: Iterable[tuple[str, str]]) -> Counter[tuple[str, str]]:
    sides = [("no" if was == "none" else "yes", "no" if said == "none" else "yes") for was, said in labels]
    return pairs([was for was, _ in sides], [said for _, said in sides])


def label_of(sentence: Sentence, components: Sequence[tuple[int, int, str, str]]) -> str:
    """Return the label of the component that covers most of a sentence."""
    covered: Counter[str] = Counter()
    for start, end, label, _ in components:
        overlap = min(end, sentence.end) - max(start, sentence.start)
        if overlap > 0:
            covered[label] += overlap
    if not covered:
        return "none"
    label, most = max(sorted(covered.items()), key=lambda entry: entry[1])
    return label if most >= min(_FEWEST_CHARACTERS, (sentence.end - sentence.start) / 2) else "none"


def by_markers(sentence: Sentence) -> str:
    """Return what markers alone make of a sentence: the published baseline, with this engine's lists."""
    if sentence.question or len(sentence.words) < _MARKED_WORDS:
        return "none"
    if (
        sentence.has(Cue.REASON)
        or sentence.has(Cue.EVIDENCE)
        or any(is_number(word) for word in sentence.words)
    ):
        return "premise"
    if sentence.has(Cue.OPINION) or sentence.has(Cue.JUDGEMENT) or sentence.has(Cue.CONCLUSION):
        return "claim"
    return "none"


def _links(
    document: Document,
    components: Mapping[tuple[str, str], Sequence[tuple[int, int, str, str]]],
    wanted: set[tuple[str, str, str]],
) -> dict[str, tuple[int, int, int]]:
    """Return for each kind: links that are right, made and wanted, over all pairs of annotated components."""
    arguments = analyze_arguments(document)
    names: dict[str, set[str]] = {}
    for component in arguments.components:
        evidence = component.evidence
        here = components.get((document.conversation.conversation_id, evidence.turn_id), ())
        names[component.component_id] = {
            name for start, end, _, name in here if min(end, evidence.end) - max(start, evidence.start) > 0
        }
    counts: dict[str, tuple[int, int, int]] = {}
    for kind in RelationKind:
        there = {(source, target) for was, source, target in wanted if was == kind.value}
        made = hits = 0
        met: set[tuple[str, str]] = set()
        for link in arguments.relations:
            if link.kind is not kind:
                continue
            made += 1
            right = {(s, t) for s in names[link.source] for t in names[link.target]} & there
            hits += bool(right - met)
            met |= right
        counts[kind.value] = (hits, made, len(there))
    return counts


def _given(
    document: Document,
    components: Mapping[tuple[str, str], Sequence[tuple[int, int, str, str]]],
    wanted: set[tuple[str, str, str]],
) -> tuple[int, int, int]:
    """Return support links that are right, made and wanted, from the annotated components."""
    found: list[ScoredSentence] = []
    names: list[str] = []
    for turn in document.turns:
        here = components.get((document.conversation.conversation_id, turn.turn.turn_id), ())
        for start, end, label, name in sorted(here):
            sentence = max(turn.sentences, key=lambda one: min(end, one.end) - max(start, one.start))
            found.append(ScoredSentence(sentence, turn.speaker, ComponentKind(label), 1.0))
            names.append(name)
    there = {(source, target) for kind, source, target in wanted if kind == RelationKind.SUPPORT.value}
    made = {(names[link.source], names[link.target]) for link in support_links(found)}
    return len(made & there), len(made), len(there)
