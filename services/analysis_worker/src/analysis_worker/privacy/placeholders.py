"""Placeholders of personal data: given out, led back, and checked for before anything leaves.

One map serves one conversation: the same person or number has the same placeholder in all of its turns, so
that what is said of it can still be followed. Participants are S1 to Sn. Nothing leaves the process unless
`assert_clean` has found no original in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from analysis_worker.domain.conversation import Participant
from analysis_worker.privacy.folding import folded
from analysis_worker.privacy.kinds import Kind
from analysis_worker.privacy.known import DIGITS_LOOKED_FOR, SHORTEST_LOOKED_FOR, Known
from analysis_worker.privacy.names import is_word
from analysis_worker.privacy.roster import spellings_of

#: What looks like a placeholder. One that is in the text already is given a placeholder of its own.
PLACEHOLDER: Final = re.compile(
    rf"\[(?:(?:{'|'.join(kind.value for kind in Kind)}|LITERAL)_\d{{1,6}}|S\d{{1,4}})\]"
)
LITERAL: Final = "LITERAL"
_SPEAKER: Final = "S"
#: Of what is kept.
_FORM: Final = 1
#: What a map may have given out in its life and still be extended: PLACEHOLDER ends at 9,999 and 999,999.
_MOST_SPEAKERS: Final = 5_000
_MOST_OTHERS: Final = 500_000
#: Texts that are remembered to be clean.
_MOST_CLEAN: Final = 1_000
#: A letter as JSON may spell it.
_ESCAPED: Final = re.compile(r"\\u([0-9a-fA-F]{4})")


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

    Its `repr` shows nothing, as a repr is what gets into logs.
    """

    #: Placeholder, with its brackets -> the spelling that was met first.
    originals: dict[str, str] = field(default_factory=dict, repr=False)
    #: All spellings of each placeholder's original.
    _spellings: dict[str, set[str]] = field(default_factory=dict, repr=False)
    #: Participant id -> placeholder.
    _people: dict[str, str] = field(default_factory=dict, repr=False)
    #: How many placeholders of each kind were given out.
    _given: Counter[str] = field(default_factory=Counter, repr=False)
    #: Kind and folded spelling -> placeholder.
    _folded: dict[tuple[str, str], str] = field(default_factory=dict, repr=False)
    #: Exact spelling -> placeholder.
    _exact: dict[str, str] = field(default_factory=dict, repr=False)
    #: What `assert_clean` looks for; None: it is to be made, since something is new.
    _checks: list[_Check] | None = field(default=None, repr=False, compare=False)
    #: Digests of texts in which `_checks` found nothing.
    _clean: set[bytes] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def of(cls, participants: Sequence[Participant]) -> PlaceholderMap:
        """Return a map that knows the participants, as [S1] and so on in the roster's order."""
        return cls().extended(participants)

    def extended(self, participants: Sequence[Participant]) -> PlaceholderMap:
        """Return a copy that knows these participants too; those whom it knew keep their placeholders."""
        made = PlaceholderMap(
            dict(self.originals),
            {placeholder: set(spellings) for placeholder, spellings in self._spellings.items()},
            dict(self._people),
            Counter(self._given),
            dict(self._folded),
            dict(self._exact),
        )
        for participant in participants:
            made._admit(participant)
        return made

    def _admit(self, participant: Participant) -> None:
        placeholder = self._people.get(participant.participant_id)
        if placeholder is None:
            self._given[_SPEAKER] += 1
            placeholder = self._people[participant.participant_id] = f"[{_SPEAKER}{self._given[_SPEAKER]}]"
        # What is also a word of the language cannot be told from that word: it is left to the detector.
        spellings = {spelling for spelling in spellings_of(participant) if not is_word(spelling)}
        name = participant.display_name or participant.participant_id
        if self.originals.get(placeholder) != name:
            self.originals[placeholder] = name
            self._forget({folded(spelling) for spelling in spellings})
        self._spellings.setdefault(placeholder, set()).update(spellings)
        self._checks = None

    def _forget(self, names: Collection[str]) -> None:
        """Give no stranger's placeholder any more for what has turned out to be a participant's name."""
        participants = frozenset(self._people.values())
        for spelling, placeholder in [*self._exact.items()]:
            if placeholder not in participants and folded(spelling) in names:
                del self._exact[spelling]
                self._spellings[placeholder].discard(spelling)
        for kind, key in [*self._folded]:
            if key in names:
                del self._folded[kind, key]

    @property
    def has_room(self) -> bool:
        """Whether it can give out as many placeholders as a debate may need."""
        speakers = self._given[_SPEAKER]
        return speakers < _MOST_SPEAKERS and self._given.total() - speakers < _MOST_OTHERS

    def drop_others(self, placeholders: Collection[str]) -> None:
        """Keep these placeholders only. The numbers of the others are given out to nobody."""
        self._checks = None
        for placeholder in self.originals.keys() - placeholders:
            del self.originals[placeholder]
            self._spellings.pop(placeholder, None)
        self._people = {who: one for who, one in self._people.items() if one in self.originals}
        self._folded = {key: one for key, one in self._folded.items() if one in self.originals}
        self._exact = {key: one for key, one in self._exact.items() if one in self.originals}

    def to_bytes(self) -> bytes:
        """Return the map as it is kept; equal maps have equal bytes."""
        held = {
            "form": _FORM,
            "originals": self.originals,
            "spellings": self._exact,
            "people": self._people,
            "given": self._given,
        }
        return json.dumps(held, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> PlaceholderMap:
        """Return a map that was kept.

        Raises:
            ValueError: It has a form that this version does not know. The message quotes nothing.
        """
        try:
            held = json.loads(data)
            if held["form"] != _FORM:
                raise ValueError("another form")
            made = cls(
                dict(held["originals"]),
                _people=dict(held["people"]),
                _given=Counter(held["given"]),
                _exact=dict(held["spellings"]),
            )
            participants = frozenset(made._people.values())
            for spelling, placeholder in made._exact.items():
                kind = placeholder[1:].rpartition("_")[0]
                if not PLACEHOLDER.fullmatch(placeholder) or (not kind and placeholder not in participants):
                    raise ValueError("no placeholder")
                made._spellings.setdefault(placeholder, set()).add(spelling)
                made._folded[kind, folded(spelling) or spelling] = placeholder
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ValueError("no placeholder map of a form that is known here") from None
        return made

    def speaker(self, participant_id: str) -> str:
        """Return a participant's placeholder without brackets, such as "S1".

        Raises:
            KeyError: The participant is not in the roster.
        """
        return self._people[participant_id][1:-1]

    def put(self, original: str, kind: str, participant_id: str = "") -> str:
        """Return the placeholder for an original; the same as before if it was met before."""
        known = self._exact.get(original)
        if known is not None:
            return known
        key = (kind, folded(original) or original)
        placeholder = self._people.get(participant_id) or self._folded.get(key)
        if placeholder is None:
            self._given[kind] += 1
            placeholder = self._folded[key] = f"[{kind}_{self._given[kind]}]"
            self.originals[placeholder] = original
        self._exact[original] = placeholder
        self._spellings.setdefault(placeholder, set()).add(original)
        self._checks = None
        return placeholder

    def known(self) -> Known:
        """Return what finds all originals again."""
        made = Known()
        who = {placeholder: participant_id for participant_id, placeholder in self._people.items()}
        for placeholder, spellings in self._spellings.items():
            if not placeholder.startswith(f"[{LITERAL}_"):
                kind = Kind.PERSON if placeholder in who else Kind(placeholder[1:].rpartition("_")[0])
                for spelling in sorted(spellings):
                    made.add(spelling, kind, who.get(placeholder, ""))
        return made

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
        if "\\u" in text:
            text = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text)
        text = PLACEHOLDER.sub(" ", text)
        if self._checks is None:
            self._clean.clear()
        # The same sentences go out several times, under other names for the speakers.
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        if digest in self._clean:
            return
        flat = f" {folded(text)} "
        joined = flat.replace(" ", "")
        for check in self.checks():
            if check.word:
                # "White" the person cannot be told from "white" the colour but by the capital.
                found = check.word in text and _is_apart(check.word, text)
            else:
                found = check.flat in flat or (check.digits != "" and check.digits in joined)
            if found:
                raise OriginalInPayload(check.placeholder)
        if len(self._clean) < _MOST_CLEAN:
            self._clean.add(digest)

    def checks(self) -> Sequence[_Check]:
        """Return what `assert_clean` looks for. Once made it goes along where the map is sent."""
        if self._checks is None:
            self._checks = [
                check
                for placeholder, spellings in self._spellings.items()
                if not placeholder.startswith(f"[{LITERAL}_")
                for spelling in spellings
                if (check := _check(placeholder, spelling)) is not None
            ]
        return self._checks


class _Check(NamedTuple):
    """What is looked for of an original: a word as it is spelled, or its folded form and digits."""

    placeholder: str
    word: str
    #: Between spaces.
    flat: str
    #: Numbers may be grouped in any way; "" for none.
    digits: str


def _check(placeholder: str, spelling: str) -> _Check | None:
    key = folded(spelling)
    if len(key) < SHORTEST_LOOKED_FOR:
        return None
    if is_word(spelling):
        return None if spelling.islower() else _Check(placeholder, spelling, "", "")
    digits = key.replace(" ", "")
    is_number = len(digits) >= DIGITS_LOOKED_FOR and digits.isdigit()
    return _Check(placeholder, "", f" {key} ", digits if is_number else "")


def _is_apart(word: str, text: str) -> bool:
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None
