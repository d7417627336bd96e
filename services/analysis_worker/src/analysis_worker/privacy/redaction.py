"""Puts placeholders in the place of all personal data of a conversation that can be found."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis_worker.domain.conversation import Conversation, Participant
from analysis_worker.domain.unshown import Unshown
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.kinds import Span, apart
from analysis_worker.privacy.known import Known
from analysis_worker.privacy.names import NameMode
from analysis_worker.privacy.placeholders import LITERAL, PLACEHOLDER, PlaceholderMap

#: How often at most all texts are looked through for what was found in others of them. Each time covers more
#: of them; two are the rule.
_LOOKS: Final = 8


@dataclass(frozen=True, slots=True, repr=False)
class Redacted(Unshown):
    """A text with placeholders, and the way back to the original's places."""

    text: str = field(repr=False)
    #: For each replaced span: its start in the redacted text, its end there, its start and end in the
    #: original.
    replaced: tuple[tuple[int, int, int, int], ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the redacted text stands in the original; a cut placeholder counts whole."""
        return self._original(start, at_start=True), self._original(end, at_start=False)

    def _original(self, place: int, *, at_start: bool) -> int:
        index = bisect_right(self.replaced, place, key=_made_at) - 1
        if index < 0:
            return place
        start, end, was_start, was_end = self.replaced[index]
        if place >= end:
            return place - end + was_end
        if place == start:
            return was_start
        return was_start if at_start else was_end


def _made_at(replaced: tuple[int, int, int, int]) -> int:
    return replaced[0]


@dataclass(frozen=True, slots=True)
class RedactedConversation:
    """A conversation as it may leave the process."""

    #: Speakers are S1 to Sn; title and motion are redacted as well. Turn ids are the original's.
    conversation: Conversation
    turns: tuple[Redacted, ...]
    map: PlaceholderMap
    #: How many spans of each kind were replaced.
    counts: Mapping[str, int]


def redact(
    conversation: Conversation, mode: NameMode = NameMode.STRICT, *, kept: PlaceholderMap | None = None
) -> RedactedConversation:
    """Return the conversation with placeholders in the place of all personal data that can be found.

    Never raises for what stands in a conversation.

    Args:
        kept: The map that was used for the conversation before, which stays as it is. What it knows is
            replaced as it was then; what the conversation no longer holds is not in the map that is returned.
    """
    roster = _roster(conversation)
    if kept is None or not kept.has_room:
        kept = PlaceholderMap()
    placeholders = kept.extended(roster)
    texts = [*(turn.text for turn in conversation.turns), conversation.title, conversation.motion]
    covers = _covered(texts, Detector(texts, roster, mode=mode), placeholders.known())
    counts: Counter[str] = Counter()
    *turns, title, motion = (
        _redacted(text, cover, placeholders, counts) for text, cover in zip(texts, covers, strict=True)
    )
    made = Conversation(
        conversation_id="conversation",
        title=title.text,
        motion=motion.text,
        language=conversation.language,
        participants=tuple(
            Participant(
                placeholders.speaker(participant.participant_id), "", participant.role, participant.side
            )
            for participant in roster
        ),
        turns=tuple(
            type(turn)(
                turn.turn_id,
                placeholders.speaker(turn.participant_id),
                redacted.text,
                turn.start_s,
                turn.end_s,
            )
            for turn, redacted in zip(conversation.turns, turns, strict=True)
        ),
    )
    met = {
        redacted.text[start:end]
        for redacted in (*turns, title, motion)
        for start, end, _, _ in redacted.replaced
    }
    placeholders.drop_others(met | {f"[{one.participant_id}]" for one in made.participants})
    return RedactedConversation(made, tuple(turns), placeholders, dict(sorted(counts.items())))


def redact_text(text: str, detector: Detector, placeholders: PlaceholderMap) -> Redacted:
    """Return one more text of a conversation, such as a reflection, with the placeholders of its map."""
    [cover] = _covered([text], detector, placeholders.known())
    return _redacted(text, cover, placeholders, Counter())


def _roster(conversation: Conversation) -> list[Participant]:
    """Return the participants, with those who speak and are not declared."""
    roster = {participant.participant_id: participant for participant in conversation.participants}
    for turn in conversation.turns:
        roster.setdefault(turn.participant_id, Participant(turn.participant_id))
    return list(roster.values())


@dataclass(slots=True)
class _Cover:
    """What is replaced of one text."""

    #: In order and without overlap; None for what only looks like a placeholder.
    places: list[tuple[int, int, Span | None]]
    #: The text with spaces in these places.
    rest: str = field(repr=False)

    def add(self, spans: Sequence[Span]) -> None:
        """Cover these too: in order, and apart from all that is covered."""
        if not spans:
            return
        self.places = sorted([*self.places, *((span.start, span.end, span) for span in spans)], key=_start)
        rest: list[str] = []
        done = 0
        for span in spans:
            rest += (self.rest[done : span.start], " " * (span.end - span.start))
            done = span.end
        self.rest = "".join((*rest, self.rest[done:]))

    def apart(self, spans: Iterable[Span]) -> list[Span]:
        """Return what of the spans is not covered yet."""
        spans = [*spans]
        if not spans:
            return spans
        return apart(self.rest, spans, [(start, end) for start, end, _ in self.places])


def _start(place: tuple[int, int, Span | None]) -> int:
    return place[0]


def _covered(texts: Sequence[str], detector: Detector, known: Known) -> list[_Cover]:
    """Return what is to be replaced in each text; what is found in one of them, in all of them.

    The rest of what gave way to something else is known from then on, and would have been found before some
    that was. So there is a beginning anew with all that is known, as there is with a map that was kept.
    """
    for _ in range(_LOOKS):
        count = known.count
        covers, detected = _covered_once(texts, detector, known)
        if known.count in (count, detected):
            break
    return covers


def _covered_once(texts: Sequence[str], detector: Detector, known: Known) -> tuple[list[_Cover], int]:
    """Return the covers, and how much was known before anything was looked for by its spelling."""
    covers: list[_Cover] = []
    for text in texts:
        literal = [match.span() for match in PLACEHOLDER.finditer(text)] if "[" in text else []
        cover = _Cover(
            [(*span, None) for span in literal],
            PLACEHOLDER.sub(lambda match: " " * len(match.group()), text) if literal else text,
        )
        shown = detector.find(text)
        _take(text, cover, cover.apart(shown) if literal else shown, known)
        covers.append(cover)
    detected = known.count
    # To the end, as what was found last may stand in a text that was looked at first.
    for _ in range(_LOOKS):
        found = [
            _add(text, cover, known.found_in(cover.rest), known)
            for text, cover in zip(texts, covers, strict=True)
        ]
        if not any(found):
            break
    return covers, detected


def _add(text: str, cover: _Cover, found: Iterable[Span], known: Known) -> bool:
    spans = cover.apart(found)
    _take(text, cover, spans, known)
    return bool(spans)


def _take(text: str, cover: _Cover, spans: Sequence[Span], known: Known) -> None:
    cover.add(spans)
    for span in spans:
        known.add(text[span.start : span.end], span.kind, span.participant_id)


def _redacted(text: str, cover: _Cover, placeholders: PlaceholderMap, counts: Counter[str]) -> Redacted:
    pieces: list[str] = []
    replaced: list[tuple[int, int, int, int]] = []
    done = length = 0
    for start, end, span in cover.places:
        kind = LITERAL if span is None else span.kind.value
        placeholder = placeholders.put(text[start:end], kind, span.participant_id if span else "")
        if span is not None:
            counts[kind] += 1
        pieces += (text[done:start], placeholder)
        length += start - done
        replaced.append((length, length + len(placeholder), start, end))
        length += len(placeholder)
        done = end
    pieces.append(text[done:])
    return Redacted("".join(pieces), tuple(replaced))
