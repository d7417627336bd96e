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
from analysis_worker.privacy.nearby import around
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
_BORN: Final = (
    r"(?:born|birth ?dates?|dates? of birth|birthday|d\.?o\.?b\.?|geboren|geburtsdatum|geburtstag|née?"
    r"|nacid[oa]|nat[oa]|nascid[oa]|date de naissance|fecha de nacimiento|data di nascita)"
)
_OPENS: Final = (
    r"(?:password|pass ?phrase|passcode|passwort|kennwort|mot de passe|contraseña|wachtwoord|senha|hasło)"
)
_QUOTES: Final = '"“”„«»‘’'
#: Beside a number (code points): no form is longer on either side of one.
_REACH: Final = 60
_BIRTH: Final = re.compile(_BORN, re.IGNORECASE)
_RUN: Final = re.compile(r"\d+")
_HOST_AND_PORT: Final = re.compile(r"\w:\d\d")
_WIDE: Final = re.compile("[０-９－ー‐‑〒]")


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


def _whole(of: AskedText) -> list[tuple[int, int]]:
    return [(0, len(of.text))]


def _written_apart(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if "@" in text and ('"@' in text or "@ " in text or " @" in text) else []


def _defanged(of: AskedText) -> list[tuple[int, int]]:
    """A letter that is seldom said is looked for first: that costs a hundredth of looking for two."""
    text, lower = of.text, of.lower
    some = (
        ("[" in text and ("[.]" in text or "[dot]" in lower or "[:]" in text))
        or ("(" in text and ("(.)" in text or "(dot)" in lower))
        or ("{" in text and "{.}" in text)
        or (":" in text and "/" in text and ("hxxp" in lower or "h**p" in lower))
    )
    return _whole(of) if some else []


def _of_hosts(of: AskedText) -> list[tuple[int, int]]:
    lower = of.lower
    some = of.dotted and (
        ".internal" in lower
        or ".local" in lower
        or ".lan" in lower
        or ".corp" in lower
        or ".intranet" in lower
        or ".onion" in lower
        or "xn--" in lower
        or ".gg/" in lower
    )
    with_port = of.digits and ":" in lower and _HOST_AND_PORT.search(lower) is not None
    return _whole(of) if some or with_port else []


def _of_users(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if "/" in text and ("u/" in text or "r/" in text) else []


def _of_ip6(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if ":" in text and ("::" in text or text.count(":") >= 7) else []


def _of_accounts(of: AskedText) -> list[tuple[int, int]]:
    lower = of.lower
    some = of.digits and (
        "0x" in lower or "bc1" in lower or "tb1" in lower or "ltc1" in lower or "addr1" in lower
    )
    return _whole(of) if some else []


def _of_long_numbers(of: AskedText) -> list[tuple[int, int]]:
    """Where digits stand as not in years and amounts: more than four, or beside a capital or a sign."""
    if not of.digits:
        return []
    text, places = of.text, []
    for run in _RUN.finditer(text):
        start, end = run.span()
        long = end - start > 4
        if not long:
            after = text[end : end + 2]
            sign = after[:1]
            long = (
                "A" <= sign <= "Z"
                or (end - start > 1 and sign in (".", "-") and after[1:].isalnum())
                or (end - start == 4 and sign == " " and text[start - 1 : start] == "-")
            )
        if long or (text[start - 1 : start].isupper() and "VIN" in text):
            places.append((max(0, start - _REACH), min(len(text), end + _REACH)))
    return places


def _of_births(of: AskedText) -> list[tuple[int, int]]:
    lower = of.lower
    some = of.digits and (
        "born" in lower
        or "birth" in lower
        or "dob" in lower
        or "d.o.b" in lower
        or "gebor" in lower
        or "geburt" in lower
        or "né" in lower
        or "naci" in lower
        or "nasci" in lower
        or "nato " in lower
        or "nata " in lower
        or "naiss" in lower
    )
    return around(of.text, _BIRTH) if some else []


def _of_passwords(of: AskedText) -> list[tuple[int, int]]:
    text, lower = of.text, of.lower
    some = ('"' in text or "“" in text or "„" in text or "«" in text or "‘" in text) and (
        "passw" in lower
        or "passp" in lower
        or "pass p" in lower
        or "passc" in lower
        or "kennw" in lower
        or "mot de" in lower
        or "contras" in lower
        or "wachtw" in lower
        or "senha" in lower
        or "hasło" in lower
    )
    return _whole(of) if some else []


def _wide(of: AskedText) -> list[tuple[int, int]]:
    return _whole(of) if not of.text.isascii() and _WIDE.search(of.text) is not None else []


_HIDDEN_HOST: Final = re.compile(
    rf"\b[\w-]+(?:{_DOT}[\w-]+)+(?:\.[\w-]+)*(?::\d{{2,5}})?(?:{_PATH})?", re.IGNORECASE
)
_TOP_LEVEL: Final = "com|org|net|edu|gov|info|io|eu|co|uk|de|fr|es|it|nl|pl|example"
_Form = tuple[Kind, re.Pattern[str], Check]
#: Where some forms may stand in a text, and these: (kind, form, check). A group named "it" is the data, as in
#: PATTERNS.
RARER: Final[tuple[tuple[Callable[[AskedText], list[tuple[int, int]]], tuple[_Form, ...]], ...]] = (
    (
        _written_apart,
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
        _defanged,
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
        _of_hosts,
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
        _of_users,
        ((Kind.HANDLE, re.compile(r"(?<![\w/.:-])/?[ur]/[A-Za-z0-9_-]{3,21}(?![\w/-])"), _always),),
    ),
    (
        _of_ip6,
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
        _of_accounts,
        (
            (
                Kind.ACCOUNT,
                re.compile(r"\b(?:(?:bc1|tb1|ltc1|addr1)[02-9ac-hj-np-z]{25,100}|0x[0-9a-fA-F]{40})\b"),
                _always,
            ),
        ),
    ),
    (
        _of_long_numbers,
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
        _of_births,
        (
            (
                Kind.BIRTHDATE,
                re.compile(
                    rf"\b(?=[bdfgn]){_BORN}(?!\w)\W{{0,3}}(?:(?:is|was|on|the|am|ist|war|le|el|il|em|op)\b\W{{1,2}}){{0,3}}"
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
        _of_passwords,
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
        _wide,
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
