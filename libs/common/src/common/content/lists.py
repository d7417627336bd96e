"""Flags profanity, slurs and threats in what was said. Flags, and drops nothing: a debate may be about all of these.

Short lists on purpose, of words that are hostile in nearly every sentence: "god", "killed", "gay", "hell", "sex" are what
debates are about. Spellings that hide a word are undone first: digits and signs for letters ("sh1t"), letters that stand apart
("f.u.c.k"), accents, letters of other alphabets that look the same, and what cannot be seen. English only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class ContentKind(StrEnum):
    """What is flagged."""

    PROFANITY = "profanity"
    SLUR = "slur"
    THREAT = "threat"


@dataclass(frozen=True, slots=True)
class ContentFlag:
    """Where something hostile stands; code points into the text."""

    kind: ContentKind
    start: int
    end: int


#: Digits and signs that stand for letters.
_LEET: Final = str.maketrans("013457@$!|", "oieastasil")
_PROFANITY: Final = (
    r"(?:mother)?f+u+c+k+(?:e[dr]s?|ing|s|in|up|off|face|head|wit)?|fck(?:ing|ed)?|(?:bull|horse|dip|jack)?s+h+i+t+"
    r"(?:s|ty|ting|head|hole|faced?)?|bitch(?:es|ing|y)?|ass ?holes?|arse ?holes?|bastards?|cunts?|dick ?heads?"
    r"|cock ?suckers?|wankers?|twats?|douche ?bags?|pricks?|son of a bitch|piss(?:ed)? off|goddamn(?:ed)?|jack ?ass(?:es)?"
    r"|dumb ?ass(?:es)?|whores?|sluts?|bollocks|motherfuckers?"
)
_SLURS: Final = (
    r"n[i]gg(?:er|a|ah)s?|fagg?ots?|fags|retards?|trann(?:y|ies)|kikes?|spics?|chinks?|gooks?|wetbacks?|towel ?heads?"
    r"|rag ?heads?|sand nigg(?:er|a)s?|cripples|dykes|coons?|pakis?|gypp?os?|half ?breeds?|subhumans?|untermenschen?"
)
#: "coon" and "chink" are also animals and gaps: only with a companion that tells.
_SINGLE_USE: Final = re.compile(
    r"(?:chinks? in|raccoon|coon ?(?:skin|hunt|dog)s?|spic and span)", re.IGNORECASE
)
_VIOLENCE: Final = (
    r"kill|murder|shoot|stab|strangle|hurt|beat (?:you )?up|destroy you|burn you|rape|hang|lynch|hunt you down|cut you"
    r"|smash your|break your (?:neck|legs?|face|bones)|put a bullet|slit your"
)
_THREATS: Final = (
    rf"(?:i|we)(?:'ll|’ll| will|'m going to|’m going to| am going to|'re going to|’re going to| are going to|'m gonna|’m gonna"
    rf"| swear i(?:'ll|’ll| will)| want to| should| ought to) (?:\w+ ){{0,2}}?(?:{_VIOLENCE})(?: (?:you|your|him|her|them all|all of you)\b)?"
    r"|you(?:'ll|’ll| will) (?:bleed|pay for this with your life|regret being born)"
    r"|(?:i|we) know where you (?:live|sleep|work)|watch your back|go (?:and )?(?:kill|hang) yourself|kys\b"
    r"|i hope you (?:die|get (?:shot|raped|cancer|killed))"
)
_AT_SOMEONE: Final = re.compile(r"\b(?:you|your|yourself|all of you)\b", re.IGNORECASE)
#: A sign or digit next to a letter.
_MIXED: Final = re.compile(r"[a-zA-Z][013457@$!|][\w@$]|[013457@$|][a-zA-Z]")
_HIDDEN: Final = re.compile(r"(?<![^\W_])(?:[^\W_][.*_\- ]){2,}[^\W_](?![^\W_])")
_APART: Final = re.compile(r"[.*_\- ]")
#: Letters, beyond those of English and what is printed around them.
_ODD: Final = re.compile(r"[^\x00-\x7f\u00a1-\u00bf\u2010-\u2027€]")
#: Cyrillic and Greek letters that cannot be told from Latin ones, and these.
_ALIKE: Final = str.maketrans(
    "аеорсухіѕкмтнвԁοαικνАЕОРСУХІЅКМТНВΟΑΙΚΝ", "aeopcyxiskmthbdoaikvAEOPCYXISKMTHBOAIKN"
)
#: A word of Latin letters with letters of another alphabet among them.
_OF_TWO_ALPHABETS: Final = re.compile(r"(?=\w*[A-Za-z])(?=\w*[\u0370-\u052f])\w+")


def _form(listed: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{listed})(?![^\W_])", re.IGNORECASE)


_FORMS: Final = (
    (ContentKind.SLUR, _form(_SLURS)),
    (ContentKind.PROFANITY, _form(_PROFANITY)),
    (ContentKind.THREAT, _form(_THREATS)),
)

#: For each form, what is in whatever it matches: to look for that first is faster by far.
_TRIGGERS: Final = {
    ContentKind.SLUR: (
        *("nigg", "fag", "retard", "trann", "kike", "spic", "chink", "gook", "wetback", "wet back", "towel"),
        *(
            "raghead",
            "rag head",
            "cripple",
            "dyke",
            "coon",
            "paki",
            "gyp",
            "breed",
            "subhuman",
            "untermensch",
        ),
    ),
    ContentKind.PROFANITY: (
        *(
            "uck",
            "uuc",
            "ucc",
            "fck",
            "shi",
            "shh",
            "bitch",
            "hole",
            "bastard",
            "cunt",
            "dick",
            "wank",
            "twat",
        ),
        *("douche", "prick", "piss", "damn", "ass", "whore", "slut", "bollock"),
    ),
    ContentKind.THREAT: (
        *(
            "kill",
            "murder",
            "shoot",
            "stab",
            "strangle",
            "hurt",
            "beat",
            "destroy you",
            "burn you",
            "rape",
            "hang",
        ),
        *(
            "lynch",
            "hunt you",
            "cut you",
            "smash your",
            "break your",
            "bullet",
            "slit your",
            "bleed",
            "regret being",
        ),
        *("pay for this", "know where you", "watch your back", "kys", "hope you"),
    ),
}


def content_flags(text: str) -> list[ContentFlag]:
    """Return what is hostile in a text, in order."""
    if _ODD.search(text) is None:
        return _flags(text)
    read, places = _as_read(text)
    return [ContentFlag(flag.kind, places[flag.start], places[flag.end - 1] + 1) for flag in _flags(read)]


def _flags(text: str) -> list[ContentFlag]:
    plain = _undone(text)
    lower = plain.lower()
    forms = [(kind, form) for kind, form in _FORMS if any(trigger in lower for trigger in _TRIGGERS[kind])]
    if not forms:
        return []
    hidden = [match.span() for match in _HIDDEN.finditer(text)]
    found = [
        ContentFlag(kind, *_whole(match.span(), hidden))
        for kind, form in forms
        for match in form.finditer(plain)
        if not (kind is ContentKind.THREAT and not _is_threat(match.group()))
        and not (
            kind is ContentKind.SLUR
            and _SINGLE_USE.search(plain[max(0, match.start() - 4) : match.end() + 8])
        )
    ]
    return sorted(found, key=lambda flag: (flag.start, flag.end))


def mask(text: str) -> str:
    """Return the text with [SLUR], [PROFANITY] or [THREAT] in the place of all that is flagged."""
    pieces: list[str] = []
    done = 0
    for flag in content_flags(text):
        if flag.start < done:
            continue
        pieces += (text[done : flag.start], f"[{flag.kind.value.upper()}]")
        done = flag.end
    return "".join((*pieces, text[done:]))


def _whole(span: tuple[int, int], hidden: list[tuple[int, int]]) -> tuple[int, int]:
    """Return a span with all of the hidden spelling that it stands in."""
    return next((one for one in hidden if one[0] <= span[0] < one[1]), span)


def _is_threat(matched: str) -> bool:
    """Leave out "we will destroy the deficit": someone must be meant."""
    return _AT_SOMEONE.search(matched) is not None or matched.lower() == "kys"


def _as_read(text: str) -> tuple[str, Sequence[int]]:
    """Return a text without accents, lookalikes and what cannot be seen, and the place of each letter left."""
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(text):
        for plain in letter if letter.isascii() else unicodedata.normalize("NFKD", letter):
            if unicodedata.category(plain) not in ("Cf", "Mn"):
                letters.append(plain)
                places.append(place)
    read = "".join(letters)
    return _OF_TWO_ALPHABETS.sub(lambda match: match.group().translate(_ALIKE), read), places


def _undone(text: str) -> str:
    """Return the text with hidden spellings undone; every letter keeps its place."""
    mixed, hidden = _MIXED.search(text), _HIDDEN.search(text)
    if not mixed and not hidden:
        return text
    letters = list(text)
    for start, end in _words_with_signs(text) if mixed else ():
        letters[start:end] = text[start:end].translate(_LEET)
    for match in _HIDDEN.finditer(text) if hidden else ():
        spelled = _APART.sub("", match.group())
        letters[match.start() : match.end()] = spelled.ljust(len(match.group()))
    return "".join(letters)


def _words_with_signs(text: str) -> Iterator[tuple[int, int]]:
    for match in re.finditer(
        r"(?<![\w$])(?=[\w@$!|]*[a-zA-Z])(?=[\w@$!|]*[013457@$!|])[\w@$!|]+(?<![!|])", text
    ):
        yield match.span()
