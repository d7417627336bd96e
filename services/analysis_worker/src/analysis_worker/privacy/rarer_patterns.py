"""Forms of personal data that are seldom met: each is looked for only where a sign of it stands.

Nearly everything that is said holds none, so a text is asked for signs first, by what costs least. They come
before the forms of `patterns`, so that what both know in part is one thing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from analysis_worker.privacy.check_digits import is_dni, is_vin
from analysis_worker.privacy.kinds import Kind
from analysis_worker.privacy.rarer_places import (
    BORN,
    defanged,
    of_accounts,
    of_births,
    of_hosts,
    of_ip6,
    of_long_numbers,
    of_passwords,
    of_users,
    wide,
    written_apart,
)
from analysis_worker.privacy.signs import AskedText

Check = Callable[[str], bool]
#: A dot that is written so that nothing takes it for one.
_DOT: Final = r"(?:\[\.\]|\(\.\)|\{\.\}|\[dot\]|\(dot\))"
_PATH: Final = r"/[^\s<>\"']*[^\s<>\"'.,;:!?)\]]"
_MONTH: Final = (
    r"(?:jan|feb|fév|fev|mar|mär|maa|apr|avr|abr|may|mai|maj|mag|mei|jun|jui|giu|jul|lug|aug|aoû|ago|sep|set|oct|okt|ott|out"
    r"|nov|dec|dez|déc|dic|ene|gen)[^\W\d_]{0,9}\.?"
)
_BIRTHDATE: Final = (
    r"(?:\d{1,2}[./-]\d{1,2}[./-]\d{2}(?:\d\d)?|\d{4}[./-]\d{1,2}[./-]\d{1,2}"
    rf"|\d{{1,2}}(?:st|nd|rd|th|er|\.)?(?: of| de)? {_MONTH},?(?: of| de)? \d{{4}}"
    rf"|{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? \d{{4}})(?!\d)"
)
_OPENS: Final = (
    r"(?:password|pass ?phrase|passcode|passwort|kennwort|mot de passe|contraseña|wachtwoord|senha|hasło)"
)
_QUOTES: Final = '"“”„«»‘’'


def _always(_: str) -> bool:
    return True


def _is_digits(text: str) -> bool:
    return not any(letter.isalpha() for letter in re.sub(r"(?i)dot", "", text))


def _is_host(text: str) -> bool:
    return not _is_digits(text)


def _is_wide_phone(text: str) -> bool:
    return 9 <= sum(letter.isdecimal() for letter in text) <= 11


def _is_no_round_number(text: str) -> bool:
    return not text.endswith("00")


_HIDDEN_HOST: Final = re.compile(
    rf"\b[\w-]+(?:{_DOT}[\w-]+)+(?:\.[\w-]+)*(?::\d{{2,5}})?(?:{_PATH})?", re.IGNORECASE
)
_TOP_LEVEL: Final = "com|org|net|edu|gov|info|io|eu|co|uk|de|fr|es|it|nl|pl|example"
_Form = tuple[Kind, re.Pattern[str], Check]
#: Where some forms may stand in a text, and these: (kind, form, check). A group named "it" is the data, as in
#: PATTERNS.
RARER: Final[tuple[tuple[Callable[[AskedText], list[tuple[int, int]]], tuple[_Form, ...]], ...]] = (
    (
        written_apart,
        (
            (
                Kind.EMAIL,
                re.compile(r"\"[^\"\s@]{1,64}(?: [^\"\s@]{1,30}){0,3}\"@(?:[\w-]+\.)+[^\W\d_]{2,}"),
                _always,
            ),
            (
                Kind.EMAIL,
                re.compile(rf"\b[\w.+-]+ ?@ ?[\w-]+(?:(?: \. |\.)[\w-]+)*?(?: \. |\.)(?:{_TOP_LEVEL})\b"),
                _always,
            ),
        ),
    ),
    (
        defanged,
        (
            (
                Kind.EMAIL,
                re.compile(
                    rf"\b[\w.+-]+ ?(?:@|\[@\]|\[at\]|\(at\)) ?[\w-]+(?:(?:\.|{_DOT})[\w-]+)+", re.IGNORECASE
                ),
                _always,
            ),
            (
                Kind.URL,
                re.compile(r"\bh(?:xx|tt|\*\*)ps?(?:\[:\]|:)//[^\s<>\"']*[^\s<>\"'.,;:!?)]", re.IGNORECASE),
                _always,
            ),
            (Kind.IP, _HIDDEN_HOST, _is_digits),
            (Kind.URL, _HIDDEN_HOST, _is_host),
        ),
    ),
    (
        of_hosts,
        (
            (
                Kind.URL,
                re.compile(
                    r"(?<![\w.@/-])(?:(?:[A-Za-z0-9][\w-]*\.)+[A-Za-z][\w-]+|localhost|[a-z]\w*-[\w-]+):\d{2,5}"
                    rf"(?:{_PATH})?(?![\w:])"
                ),
                _always,
            ),
            (
                Kind.URL,
                re.compile(
                    r"(?<![\w.@/-])(?:[A-Za-z0-9][\w-]*\.)+(?:internal|local|lan|corp|intranet|onion)\b(?::\d{2,5})?"
                    rf"(?:{_PATH})?(?![.-]?\w)"
                ),
                _always,
            ),
            (
                Kind.URL,
                re.compile(
                    r"(?<![\w.@/-])(?:(?:[\w-]+\.)*xn--[\w-]+(?:\.[\w-]+)+|(?:[\w-]+\.)+(?:xn--[\w-]+|gg))\b"
                    rf"(?:{_PATH})?",
                    re.IGNORECASE,
                ),
                _always,
            ),
        ),
    ),
    (
        of_users,
        ((Kind.HANDLE, re.compile(r"(?<![\w/.:-])/?[ur]/[A-Za-z0-9_-]{3,21}(?![\w/-])"), _always),),
    ),
    (
        of_ip6,
        (
            (
                Kind.IP,
                re.compile(
                    r"(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){1,7}(?:[0-9A-Fa-f]{1,4}|(?::[0-9A-Fa-f]{1,4}){0,6}|:)/\d{1,3}(?!\w)"
                    r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){2,7}:(?![\w:])"
                ),
                _always,
            ),
        ),
    ),
    (
        of_accounts,
        (
            (
                Kind.ACCOUNT,
                re.compile(r"\b(?:(?:bc1|tb1|ltc1|addr1)[02-9ac-hj-np-z]{25,100}|0x[0-9a-fA-F]{40})\b"),
                _always,
            ),
        ),
    ),
    (
        of_long_numbers,
        (
            (
                Kind.CARD,
                re.compile(
                    r"(?<![\w.])(?:(?:\d{4}\.){3}\d{1,7}|\d{4}\.\d{6}\.\d{5})(?!\w|\.\d)",
                ),
                _always,
            ),
            (
                Kind.IBAN,
                re.compile(r"\b[A-Z]{2}\d{2}(?:\.[A-Z0-9]{4}){2,7}(?:\.[A-Z0-9]{1,4})?(?![A-Za-z0-9])"),
                _always,
            ),
            (
                Kind.NATIONAL_ID,
                re.compile(r"(?<![\w.-])(?:\d{2}\.?\d{3}\.?\d{3}|[XYZxyz][- ]?\d{7})[- ]?[A-Za-z](?!\w)"),
                is_dni,
            ),
            (Kind.NATIONAL_ID, re.compile(r"\b[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]\b"), _always),
            (Kind.LICENCE, re.compile(r"\b(?=[A-Z]*\d)[A-HJ-NPR-Z0-9]{17}\b"), is_vin),
            (
                Kind.LICENCE,
                re.compile(
                    r"\bVIN\b\W{0,3}(?:(?:is|was|number|no)\W{1,2}){0,2}(?P<it>[A-HJ-NPR-Z0-9]{17})\b"
                ),
                _always,
            ),
            (
                Kind.POSTCODE,
                re.compile(
                    r"(?:^|\n|\b(?:in|at|bei|nach|aus|à|en|a) )(?P<it>\d{5})(?= [A-ZÀ-Þ][^\W\d_]{2,})",
                    re.MULTILINE,
                ),
                _is_no_round_number,
            ),
            (
                Kind.POSTCODE,
                re.compile(r"(?<![\w-])(?:D|F|A|CH|I|E|NL|DK|SE|FI|PL|CZ)-\d{4,5}(?= [A-ZÀ-Þ])"),
                _always,
            ),
        ),
    ),
    (
        of_births,
        (
            (
                Kind.BIRTHDATE,
                re.compile(
                    rf"\b(?=[bdfgn]){BORN}(?!\w)\W{{0,3}}(?:(?:is|was|on|the|am|ist|war|le|el|il|em|op)\b\W{{1,2}}){{0,3}}"
                    rf"(?P<it>{_BIRTHDATE})",
                    re.IGNORECASE,
                ),
                _always,
            ),
            (
                Kind.BIRTHDATE,
                re.compile(rf"\b(?P<it>{_BIRTHDATE}) (?:in [^\W\d_]+ )?geboren\b", re.IGNORECASE),
                _always,
            ),
        ),
    ),
    (
        of_passwords,
        (
            (
                Kind.SECRET,
                re.compile(
                    rf"\b{_OPENS}\b(?: \w+){{0,2}}?(?:\s*[:=]| (?:is|was|were|be|ist|war|lautet|est|es|era))"
                    r"[\s:]*"
                    rf"[{_QUOTES}](?P<it>[^{_QUOTES}\n]{{4,80}})[{_QUOTES}]",
                    re.IGNORECASE,
                ),
                _always,
            ),
        ),
    ),
    (
        wide,
        (
            (
                Kind.PHONE,
                re.compile(
                    r"(?<!\d)(?:[(（]?[0０]\d{1,4}[)）]?)[-－ー−–‐‑ ]?\d{1,4}[-－ー−–‐‑]\d{3,4}(?!\d)"
                ),
                _is_wide_phone,
            ),
            (Kind.POSTCODE, re.compile(r"〒 ?\d{3}[-－ー−–‐]?\d{4}(?!\d)"), _always),
        ),
    ),
)


def by_rarer_form(asked: AskedText) -> Iterator[tuple[int, int, Kind]]:
    """Yield what has one of these forms, in their order; places may meet."""
    for places_of, forms in RARER:
        for start, end in places_of(asked):
            for kind, form, check in forms:
                for match in form.finditer(asked.text, start, end):
                    group = "it" if "it" in form.groupindex else 0
                    if check(match[group]):
                        yield (*match.span(group), kind)
