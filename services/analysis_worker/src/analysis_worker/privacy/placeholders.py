"""Puts stable placeholders in the place of personal data, and the data back in the place of placeholders.

One map serves one conversation: the same person or number has the same placeholder in all of its turns, so
that what is said of it can still be followed. Participants are S1 to Sn. Nothing leaves the process unless
`assert_clean` has found no original in it.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from analysis_worker.domain.conversation import Conversation, Participant
from analysis_worker.privacy.detector import Detector
from analysis_worker.privacy.kinds import INVISIBLE, Kind, Span
from analysis_worker.privacy.names import NameMode, is_word
from analysis_worker.privacy.roster import spellings_of

#: What looks like a placeholder. One that is in the text already is given a placeholder of its own.
PLACEHOLDER: Final = re.compile(
    rf"\[(?:(?:{'|'.join(kind.value for kind in Kind)}|LITERAL)_\d{{1,6}}|S\d{{1,4}})\]"
)
_LITERAL: Final = "LITERAL"
#: Shorter originals are too common to look for in a payload: "AB", "12".
_SHORTEST_LOOKED_FOR: Final = 3
#: A letter as JSON may spell it.
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_NOT_ALPHANUMERIC: Final = re.compile(r"[\W_]+")


class UnknownPlaceholder(ValueError):
    """A text holds a placeholder that this conversation's map does not know: it was made up."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(f"{placeholder} is no placeholder of this conversation")
        self.placeholder = placeholder


class OriginalInPayload(ValueError):
    """What is about to leave the process still holds personal data. The message names the placeholder."""

    def __init__(self, placeholder: str) -> None:
        super().__init__(
            f"the payload holds what {placeholder} stands for; send nothing, and use the local engine"
        )
        self.placeholder = placeholder


@dataclass(slots=True)
class PlaceholderMap:
    """The placeholders of one conversation, and what they stand for. Private: it is never logged or sent.

    Nor is it kept: `redact` makes the same one of the same conversation again, so there is none left once the
    conversation is gone. Its `repr` shows nothing, as a repr is what gets into logs.
    """

    #: Placeholder, with its brackets -> the spelling that was met first.
    originals: dict[str, str] = field(default_factory=dict, repr=False)
    #: Kind and folded spelling -> placeholder.
    _known: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    #: Further spellings of each placeholder's original.
    _spellings: dict[str, set[str]] = field(default_factory=dict, repr=False)
    #: Participant id -> placeholder.
    _people: dict[str, str] = field(default_factory=dict, repr=False)
    #: How many placeholders of each kind were given out.
    _given: Counter[str] = field(default_factory=Counter, repr=False)

    @classmethod
    def of(cls, participants: Sequence[Participant]) -> PlaceholderMap:
        """Return a map that knows the participants, as [S1] and so on in the roster's order."""
        made = cls()
        for number, participant in enumerate(participants, start=1):
            placeholder = f"[S{number}]"
            made._people[participant.participant_id] = placeholder
            made.originals[placeholder] = participant.display_name or participant.participant_id
            # What is also a word of the language cannot be told from that word: it is left to the detector.
            made._spellings[placeholder] = {
                spelling for spelling in spellings_of(participant) if not is_word(spelling)
            }
        return made

    def speaker(self, participant_id: str) -> str:
        """Return a participant's placeholder without brackets, such as "S1".

        Raises:
            KeyError: The participant is not in the roster.
        """
        return self._people[participant_id][1:-1]

    def put(self, original: str, kind: str, participant_id: str = "") -> str:
        """Return the placeholder for an original; the same as before if it was met before."""
        if participant_id in self._people:
            placeholder = self._people[participant_id]
        else:
            key = (kind, _folded(original) or original)
            placeholder = self._known.get(key, "")
            if not placeholder:
                self._given[kind] += 1
                placeholder = self._known[key] = f"[{kind}_{self._given[kind]}]"
                self.originals[placeholder] = original
        self._spellings.setdefault(placeholder, set()).add(original)
        return placeholder

    def restore(self, text: str) -> str:
        """Put the originals back.

        Raises:
            UnknownPlaceholder: The text holds a placeholder that was never given out.
        """

        def original(match: re.Match[str]) -> str:
            found = self.originals.get(match.group())
            if found is None:
                raise UnknownPlaceholder(match.group())
            return found

        return PLACEHOLDER.sub(original, text)

    def assert_clean(self, payload: str | bytes) -> None:
        """Check that no known original is in what is about to leave.

        Case, accents, white space and punctuation make no difference.

        Raises:
            OriginalInPayload: One is.
        """
        text = payload.decode("utf-8", "replace") if isinstance(payload, bytes) else payload
        text = PLACEHOLDER.sub(" ", _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text))
        folded = f" {_folded(text)} "
        joined = folded.replace(" ", "")
        for placeholder, spellings in self._spellings.items():
            if placeholder.startswith(f"[{_LITERAL}_"):
                continue
            for spelling in spellings:
                looked_for = _folded(spelling)
                if len(looked_for) < _SHORTEST_LOOKED_FOR:
                    continue
                if is_word(spelling):
                    if spelling.islower():
                        continue
                    # "White" the person cannot be told from "white" the colour but by the capital.
                    if re.search(rf"(?<![^\W_]){re.escape(spelling)}(?![^\W_])", text):
                        raise OriginalInPayload(placeholder)
                    continue
                digits = looked_for.replace(" ", "")  # numbers may be grouped in any way
                if f" {looked_for} " in folded or (len(digits) > 6 and digits.isdigit() and digits in joined):
                    raise OriginalInPayload(placeholder)


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text with placeholders, and the way back to the original's places."""

    text: str
    #: For each replaced span: its start in the redacted text, its end there, its start and end in the
    #: original.
    replaced: tuple[tuple[int, int, int, int], ...]

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return where a span of the redacted text stands in the original; a cut placeholder counts whole."""
        return self._original(start, at_start=True), self._original(end, at_start=False)

    def _original(self, place: int, *, at_start: bool) -> int:
        index = bisect_right([row[0] for row in self.replaced], place) - 1
        if index < 0:
            return place
        start, end, was_start, was_end = self.replaced[index]
        if place >= end:
            return place - end + was_end
        if place == start:
            return was_start
        return was_start if at_start else was_end


@dataclass(frozen=True, slots=True)
class RedactedConversation:
    """A conversation as it may leave the process."""

    #: Speakers are S1 to Sn; title and motion are redacted as well. Turn ids are the original's.
    conversation: Conversation
    turns: tuple[Redacted, ...]
    map: PlaceholderMap
    #: How many spans of each kind were replaced.
    counts: Mapping[str, int]


def redact(conversation: Conversation, mode: NameMode = NameMode.STRICT) -> RedactedConversation:
    """Return the conversation with placeholders in the place of all personal data that can be found.

    Never raises for what stands in a conversation.
    """
    roster = list(conversation.participants)
    known = {participant.participant_id for participant in roster}
    for turn in conversation.turns:
        if turn.participant_id not in known:
            known.add(turn.participant_id)
            roster.append(Participant(turn.participant_id))
    placeholders = PlaceholderMap.of(roster)
    texts = [conversation.title, conversation.motion, *(turn.text for turn in conversation.turns)]
    detector = Detector(texts, roster, mode=mode)
    counts: Counter[str] = Counter()
    turns = [_redacted(turn.text, detector, placeholders, counts) for turn in conversation.turns]
    title = _redacted(conversation.title, detector, placeholders, counts)
    motion = _redacted(conversation.motion, detector, placeholders, counts)
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
    return RedactedConversation(made, tuple(turns), placeholders, dict(sorted(counts.items())))


def redact_text(text: str, detector: Detector, placeholders: PlaceholderMap) -> Redacted:
    """Return one more text of a conversation, such as a reflection, with the placeholders of its map."""
    return _redacted(text, detector, placeholders, Counter())


def _redacted(text: str, detector: Detector, placeholders: PlaceholderMap, counts: Counter[str]) -> Redacted:
    literal = [(match.start(), match.end()) for match in PLACEHOLDER.finditer(text)]
    found: list[tuple[Span | None, int, int]] = [(None, start, end) for start, end in literal]
    found += [
        (span, span.start, span.end)
        for span in detector.find(text)
        if not any(start < span.end and span.start < end for start, end in literal)
    ]
    pieces: list[str] = []
    replaced: list[tuple[int, int, int, int]] = []
    done = length = 0
    for span, start, end in sorted(found, key=lambda entry: entry[1]):
        kind = _LITERAL if span is None else span.kind.value
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


def _folded(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", INVISIBLE.sub("", text)).casefold()
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
    return _NOT_ALPHANUMERIC.sub(" ", plain).strip()
