"""Where in a text forms of personal data that are seldom met may stand: where a sign of them does.

Nearly everything that is said holds none, so each function asks for its signs first, by what costs least.
"""

from __future__ import annotations

import re
from typing import Final

from analysis_worker.privacy.nearby import around
from analysis_worker.privacy.signs import AskedText

BORN: Final = (
    r"(?:born|birth ?dates?|dates? of birth|birthday|d\.?o\.?b\.?|geboren|geburtsdatum|geburtstag|née?"
    r"|nacid[oa]|nat[oa]|nascid[oa]|date de naissance|fecha de nacimiento|data di nascita)"
)
#: Beside a number (code points): no form is longer on either side of one.
_REACH: Final = 60
_BIRTH: Final = re.compile(BORN, re.IGNORECASE)
_RUN: Final = re.compile(r"\d+")
_HOST_AND_PORT: Final = re.compile(r"\w:\d\d")
_WIDE: Final = re.compile("[０-９－ー‐‑〒]")


def _whole(of: AskedText) -> list[tuple[int, int]]:
    return [(0, len(of.text))]


def written_apart(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if "@" in text and ('"@' in text or "@ " in text or " @" in text) else []


def defanged(of: AskedText) -> list[tuple[int, int]]:
    """A letter that is seldom said is looked for first: that costs a hundredth of looking for two."""
    text, lower = of.text, of.lower
    some = (
        ("[" in text and ("[.]" in text or "[dot]" in lower or "[:]" in text))
        or ("(" in text and ("(.)" in text or "(dot)" in lower))
        or ("{" in text and "{.}" in text)
        or (":" in text and "/" in text and ("hxxp" in lower or "h**p" in lower))
    )
    return _whole(of) if some else []


def of_hosts(of: AskedText) -> list[tuple[int, int]]:
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


def of_users(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if "/" in text and ("u/" in text or "r/" in text) else []


def of_ip6(of: AskedText) -> list[tuple[int, int]]:
    text = of.text
    return _whole(of) if ":" in text and ("::" in text or text.count(":") >= 7) else []


def of_accounts(of: AskedText) -> list[tuple[int, int]]:
    lower = of.lower
    some = of.digits and (
        "0x" in lower or "bc1" in lower or "tb1" in lower or "ltc1" in lower or "addr1" in lower
    )
    return _whole(of) if some else []


def of_long_numbers(of: AskedText) -> list[tuple[int, int]]:
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


def of_births(of: AskedText) -> list[tuple[int, int]]:
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


def of_passwords(of: AskedText) -> list[tuple[int, int]]:
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


def wide(of: AskedText) -> list[tuple[int, int]]:
    return _whole(of) if not of.text.isascii() and _WIDE.search(of.text) is not None else []
