"""Personal data that is told by its form: numbers, addresses, links; and secrets.

A form is taken in every spelling that is in use, and a check sum that fails is no reason to let a number go: people
misread and mistype them. What stands first in PATTERNS has the first claim on a place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from analysis_worker.privacy.folding import JOINED
from analysis_worker.privacy.kinds import Kind, Span
from analysis_worker.privacy.nearby import around
from analysis_worker.privacy.rarer_patterns import by_rarer_form
from analysis_worker.privacy.signs import MAY_HOLD, AskedText

_TOP_LEVEL: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|co|ai|app|dev|me|tv|cc|ly|gl|gd|fm|to|us|uk|ca|au|nz|ie|de|at|ch|fr|be|nl"
    "|lu|it|es|pt|dk|se|no|fi|is|pl|cz|sk|hu|ro|bg|gr|si|hr|rs|ee|lv|lt|ua|ru|tr|il|ir|in|pk|bd|lk|jp|cn|kr|tw|hk|sg"
    "|my|th|vn|ph|id|za|ng|ke|gh|eg|ma|mx|br|ar|cl|pe|uy|ve|ec|cr|cu|pr|eu|museum|online|site|shop|store|xyz|name|pro"
)
_STREET: Final = (
    "street|st|avenue|ave|road|rd|boulevard|blvd|lane|ln|drive|dr|court|ct|square|sq|place|pl|terrace|way|parkway|pkwy"
    "|highway|hwy|circle|cir|alley|crescent|close|grove|gardens|mews|row|walk|hill|quay|straße|strasse|str|weg|platz"
    "|allee|gasse|rue|via|calle|plaza|utca|katu|gata|gade|vej|vei|ulica"
)
_UNIT: Final = r"(?:[ ,]+(?:apt|apartment|suite|ste|unit|flat|floor|room|no|nr)\b\.?[ ]?#?[\w-]+)?"
_DIGITS: Final = re.compile(r"\d")
_NUMBER: Final = re.compile(r"\d+")


def _has_digits(least: int, most: int) -> Callable[[str], bool]:
    return lambda text: least <= len(_DIGITS.findall(text)) <= most


_DATE: Final = re.compile(
    r"(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)\d\d"
    r"|(?:1[0-9]|20)\d\d ?[-–/] ?(?:1[0-9]|20)\d\d"
)


def _is_phone(text: str) -> bool:
    digits = len(_DIGITS.findall(text))
    if not 7 <= digits <= 15 or _DATE.fullmatch(text.strip()):
        return False
    # Without a plus, bracket or separator it is a plain number, unless it is as long as only phone numbers are.
    grouped = re.search(r"\d[-. )/]+\(?\d", text) is not None
    return text.lstrip().startswith(("+", "(", "00")) or grouped or digits >= 10


def _always(_: str) -> bool:
    return True


#: (kind, form, check). A group named "it" is the data; without one, all of the match is.
PATTERNS: Final[tuple[tuple[Kind, re.Pattern[str], Callable[[str], bool]], ...]] = (
    (
        Kind.EMAIL,
        re.compile(
            r"[\w.!#$%&'*+/=?^`{|}~-]+@(?:[\w-]+\.)+[^\W\d_]{2,}"
            r"|\b[\w.+-]+\s*(?:\(at\)|\[at\]|\{at\}|\sat\s)\s*[\w-]+\s*(?:\(dot\)|\[dot\]|\{dot\}|\sdot\s|\.)\s*"
            r"(?:com|org|net|edu|gov|io|co\.uk|uk|de|fr)\b",
            re.IGNORECASE,
        ),
        _always,
    ),
    (Kind.URL, re.compile(r"\b(?:https?|ftp|wss?)://[^\s<>\"']+[^\s<>\"'.,;:!?)\]]", re.IGNORECASE), _always),
    (
        Kind.URL,
        re.compile(
            rf"\b(?:www\d?\.)?(?:[^\W_](?:[\w-]*[^\W_])?\.)+(?:{_TOP_LEVEL})(?:/[^\s<>\"']*[^\s<>\"'.,;:!?)\]])?(?![\w.]*\w@)"
            r"(?![\w-])"
        ),
        lambda text: not re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]{1,3}", text),
    ),
    (
        Kind.SECRET,
        re.compile(
            r"-----BEGIN [A-Z ]{1,30}-----(?:[\sA-Za-z0-9+/=:,-]{0,8000}?-----END [A-Z ]{1,30}-----|(?:\s*[A-Za-z0-9+/=_-]{16,})*)"
            r"|\beyJ[\w-]{8,}\.[\w-]{4,}(?:\.[\w-]*)?"
            r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
            r"|\b(?:sk|pk|rk|gh[a-z]|github_pat|xox[a-z]|glpat|npm|pypi|hf|AIza|ya29|SG)[-_.]?(?=[\w.-]*\d)[\w.-]{15,}\w"
            # Nothing that is said is as long and mixes letters of both cases with digits.
            r"|(?<![\w/])(?=[A-Za-z_-]*\d)(?=[a-z\d_-]*[A-Z])(?=[A-Z\d_-]*[a-z])[\w-]{24,}|\b[0-9a-fA-F]{32,}\b"
            r"|\b(?i:bearer|basic)\s+(?P<it>(?=[\w.~+/=-]*\d)[\w.~+/=-]{8,})"
        ),
        _always,
    ),
    (
        Kind.SECRET,
        re.compile(
            r"\b(?:password|passwort|passphrase|passcode|pwd|pin|pin code|api[ _-]?key|access[ _-]?key|secret(?: key)?|token)"
            r"(?:\s+(?:is|was)\s+(?=\S*\d)|\s*[:=]\s*)[\"'“‘]?(?P<it>[^\s\"'“”‘’]{3,}[^\s\"'“”‘’.,;:!?)])",
            re.IGNORECASE,
        ),
        _always,
    ),
    (
        Kind.IBAN,
        re.compile(r"\b[A-Za-z]{2}\d{2}[ -]?(?:[A-Za-z0-9]{4}[ -]?){2,7}[A-Za-z0-9]{0,4}(?![A-Za-z0-9])"),
        _has_digits(10, 34),
    ),
    (
        Kind.MAC,
        re.compile(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"),
        _always,
    ),
    (
        Kind.IP,
        re.compile(
            r"\b(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d{1,2}|:\d{2,5})?(?![\d.]*\d)"
            r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){7}[0-9A-Fa-f]{1,4}(?![\w:])"
            r"|(?<![\w:])(?:[0-9A-Fa-f]{1,4}:){1,6}(?::[0-9A-Fa-f]{1,4}){1,6}(?![\w:])"
            r"|(?<![\w:])::(?:[0-9A-Fa-f]{1,4}:){0,6}[0-9A-Fa-f]{1,4}(?![\w:])"
        ),
        _always,
    ),
    (
        Kind.NATIONAL_ID,
        re.compile(
            r"(?<![\w-])\d{3}[-–. ]\d{2}[-–. ]\d{4}(?![\w-])"
            r"|(?<![\w-])\d{3}-\d{6}(?![\w-])"
            r"|\b(?:[A-CEGHJ-PR-TW-Za-z]{2}|[A-Z]{2}) ?\d{2} ?\d{2} ?\d{2} ?[A-Da-d]\b"
            r"|\b[A-Z]{6}\d{2}[A-Z]\d{2}[A-Z]\d{3}[A-Z]\b"
            r"|(?:(?i:\bssn|social security(?: number)?|national (?:id|insurance)(?: number)?|passport(?: number| no)?"
            r"|tax id|personal(?: id)? number)\W{0,3}(?:(?i:is|was|no|number)\W{1,3}){0,2})(?P<it>[A-Z]{0,3}[\d -]{5,13}\d[A-Z]?|(?=(?:[A-Z]*\d){3})[A-Z\d]{6,12})\b"
        ),
        _always,
    ),
    (
        Kind.CARD,
        re.compile(r"(?<![\w.])\d(?:[ -]?\d){12,18}(?![\w]|[.]\d)"),
        _always,
    ),
    (
        Kind.LICENCE,
        re.compile(
            r"(?:(?i:licen[cs]e|\bdl\b|driver'?s?|permit|plate)(?i:[ \w']{0,24}?(?:number|no|id|is|plate)?)\W{0,3}(?:is |was )?)"
            r"(?P<it>(?=[A-Z\d-]*\d{3})[A-Z]{0,3}[-]?\d[A-Z\d-]{4,16}\d|[A-Z]{1,3}\d{5,14})\b"
            r"|(?<![\w-])[A-Z]\d{7,14}(?![\w-])|(?<![\w-])[A-Z]{2}\d{6,9}(?![\w-])"
        ),
        _has_digits(4, 17),
    ),
    (
        Kind.PHONE,
        re.compile(
            r"(?<![\w.$€£#/-])(?<!\d,)(?:\+|00)?\(?\d{1,4}\)?(?:[-. /]{0,2}\(?\d{1,5}\)?){1,6}(?:[ ,]{0,2}(?:x|ext\.?|extension) ?\d{1,6})?"
            r"(?![\w%€£]|[.,:]\d|-\d)",
            re.IGNORECASE,
        ),
        _is_phone,
    ),
    (Kind.HANDLE, re.compile(r"(?<![\w@.])@\w{2,30}(?:[.-]\w{1,30}){0,3}\b"), _always),
    (
        Kind.ADDRESS,
        re.compile(
            rf"(?<![\w$€£])\d{{1,6}}[A-Za-z]?[ ,]+(?:[NSEW]\.? )?(?:[^\W\d_a-z][\w'’.-]*[ ]){{1,4}}(?i:{_STREET})\b\.?(?i:{_UNIT})"
            rf"|(?<![\w])(?:[^\W\d_a-z][\w'’-]*[ -])?[^\W\d_a-z][\w'’-]*(?i:straße|strasse|str\.|weg|platz|allee|gasse|utca|katu|gatan|vej)"
            r" \d{1,4}[a-z]?\b"
            r"|\b(?i:p\.? ?o\.? box|postfach) \d+\b"
        ),
        _always,
    ),
    (
        Kind.POSTCODE,
        re.compile(
            r"\b[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}\b|\b[ABCEGHJ-NPRSTVXY]\d[A-Z] ?\d[A-Z]\d\b"
            r"|(?<=[\w.] )(?<!\d )\d{5}(?:-\d{4})?(?=\s*(?:$|\n|,|\.|;))|(?<=, )\d{5}(?![\w,])|^\d{5}$"
            r"|(?i:\b(?:zip|postal|post)(?: ?code)?\b\W{0,3}(?:is |was )?)(?P<it>[A-Z\d][A-Z\d -]{2,9})\b"
            r"|(?<![\w$€£.,-])\d{5}-\d{4}(?![\w-])"
        ),
        _always,
    ),
)


#: What no match of a kind is without: a form is looked for only around it, as most that is said has none of it.
#: A kind that is not here is looked for everywhere.
_ANCHORS: Final[Mapping[Kind, re.Pattern[str]]] = MappingProxyType(
    {
        Kind.EMAIL: re.compile(r"@|\b[Aa][Tt]\b"),
        Kind.URL: re.compile(r"[^\W_]\.[^\W_]|://"),
        Kind.SECRET: re.compile(r"[\d:=]|eyJ|A[KS]IA|-----BEGIN"),
        Kind.HANDLE: re.compile("@"),
        Kind.IP: re.compile(r"[\d:]"),
        Kind.POSTCODE: re.compile(r"\d|[Zz][Ii][Pp]|[Pp][Oo][Ss][Tt]"),
        **dict.fromkeys(
            (Kind.IBAN, Kind.NATIONAL_ID, Kind.CARD, Kind.LICENCE, Kind.PHONE, Kind.ADDRESS), _NUMBER
        ),
    }
)


_WITHOUT_DIGITS: Final = tuple(pattern for pattern in PATTERNS if pattern[0] in MAY_HOLD)


_JOINED_LETTER: Final = re.compile(f"[{JOINED}]")


def by_form(text: str) -> Iterator[Span]:
    """Yield what has the form of personal data, in the order of PATTERNS; spans may meet."""
    if text.isascii() or _JOINED_LETTER.search(text) is None:
        yield from _by_form(text)
        return
    # Forms begin and end with words, which such letters do not.
    apart = [*_by_form(_JOINED_LETTER.sub(" ", text))]
    yield from apart
    for span in _by_form(text):  # an address may hold such letters
        if not any(span.start < other.end and other.start < span.end for other in apart):
            yield span


def _by_form(text: str) -> Iterator[Span]:
    asked = AskedText(text)
    for start, end, kind in by_rarer_form(asked):
        yield Span(*_without_space(text, start, end), kind)
    near: dict[re.Pattern[str], list[tuple[int, int]]] = {}
    for kind, form, check in PATTERNS if asked.digits else _WITHOUT_DIGITS:
        may_hold = MAY_HOLD.get(kind)
        if may_hold is not None and not may_hold(asked):
            continue
        anchor = _ANCHORS.get(kind)
        if anchor is None:
            places = [(0, len(text))]
        elif anchor in near:
            places = near[anchor]
        else:
            places = near[anchor] = around(text, anchor)
        for place in places:
            for match in form.finditer(text, *place):
                group = "it" if "it" in form.groupindex and match["it"] else 0
                if check(match[group]):
                    yield Span(*_without_space(text, *match.span(group)), kind)


def _without_space(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1] in " \t\n-–.,;":
        end -= 1
    return start, end
