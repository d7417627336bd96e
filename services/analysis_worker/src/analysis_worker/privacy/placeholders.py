"""Placeholders of personal data: given out, led back, and checked for before anything leaves.

One map serves one conversation: the same person or number has the same placeholder in all of its turns, so
that what is said of it can still be followed. Participants are S1 to Sn. Nothing leaves the process unless
`assert_clean` has found no original in it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

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

    @classmethod
    def of(cls, participants: Sequence[Participant]) -> PlaceholderMap:
        """Return a map that knows the participants, as [S1] and so on in the roster's order."""
        made = cls()
        for participant in participants:
            made._given[_SPEAKER] += 1
            placeholder = f"[{_SPEAKER}{made._given[_SPEAKER]}]"
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
        text = PLACEHOLDER.sub(" ", _ESCAPED.sub(lambda match: chr(int(match[1], 16)), text))
        flat = f" {folded(text)} "
        joined = flat.replace(" ", "")
        for placeholder, spellings in self._spellings.items():
            if placeholder.startswith(f"[{LITERAL}_"):
                continue
            for spelling in spellings:
                looked_for = folded(spelling)
                if len(looked_for) < SHORTEST_LOOKED_FOR:
                    continue
                if is_word(spelling):
                    if spelling.islower():
                        continue
                    # "White" the person cannot be told from "white" the colour but by the capital.
                    if re.search(rf"(?<![^\W_]){re.escape(spelling)}(?![^\W_])", text):
                        raise OriginalInPayload(placeholder)
                    continue
                digits = looked_for.replace(" ", "")  # numbers may be grouped in any way
                if f" {looked_for} " in flat or (
                    len(digits) >= DIGITS_LOOKED_FOR and digits.isdigit() and digits in joined
                ):
                    raise OriginalInPayload(placeholder)
