"""Tells which kinds of personal data a text cannot hold, by what their forms cannot be without.

Asked before a form is looked for. It may say too much and never too little.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

from analysis_worker.privacy.kinds import Kind

_DIGITS: Final = re.compile(r"\d")
#: Of an address in words: its end, as far as that has no word for the full stop.
_TOP: Final = re.compile(r"\.\s*(?:com|org|net|edu|gov|io|co\.uk|uk|de|fr)\b", re.IGNORECASE)
_INSIDE: Final = re.compile(r"\.(?<=[^\W_]\.)[^\W_]")


#: Letters that pass for "s", "k" and "i" where case makes no difference.
_PASSING: Final = re.compile("[ſKıİ]")
#: What secrets, numbers and streets are called, in part.
_SECRETS: Final = ("pass", "pwd", "pin", "key", "secret", "token", "bearer", "basic")
_NUMBERS: Final = ("ssn", "security", "national", "passport", "tax id", "personal")
_LICENCES: Final = ("licen", "dl", "driver", "permit", "plate")
_STREETS: Final = (
    "straße",
    "strasse",
    "str.",
    "weg",
    "platz",
    "allee",
    "gasse",
    "utca",
    "katu",
    "gatan",
    "vej",
)
_BOXES: Final = ("box", "postfach")
#: A secret that is called nothing is no shorter.
_SECRET_MIN: Final = 16
_IP_SIGNS: Final = 7
_IN_MAC: Final = re.compile(r"[:-][0-9A-Fa-f]{2}[:-]")
_IN_IP: Final = re.compile(r"\d\.\d")
_IN_NATIONAL_ID: Final = re.compile(r"\d(?:\d\d[-–. ]\d\d|\d ?\d\d ?\d\d|-\d{6}|[A-Z]\d)")
_IN_LICENCE: Final = re.compile(r"[A-Z]\d{6}")
_IN_ADDRESS: Final = re.compile(r"\d[A-Za-z]?[ ,]+[^\W\d_a-z]")
_IN_POSTCODE: Final = re.compile(r"\d{5}|[A-Z]\d")


class AskedText:
    """A text, and what is asked of it about several kinds."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lower = text.lower()
        self.digits = _DIGITS.search(text) is not None

    @cached_property
    def dotted(self) -> bool:
        """Whether a full stop stands within a word."""
        return "." in self.text and _INSIDE.search(self.text) is not None

    def has(self, *names: str) -> bool:
        """Say whether one of these may be in the text, in any case."""
        return any(name in self.lower for name in names) or (
            not self.text.isascii() and _PASSING.search(self.text) is not None
        )

    def may_hold_a_secret(self) -> bool:
        text = self.text
        if any(sign in text for sign in ("eyJ", "AKIA", "ASIA", "-----BEGIN")):
            return True
        if not (self.digits or ":" in text or "=" in text):
            return False
        return self.has(*_SECRETS) or max(map(len, text.split()), default=0) >= _SECRET_MIN


#: Whether a text may hold a kind, told in less time than it takes to look for it around each anchor. A kind
#: that is not here has digits.
MAY_HOLD: Final[Mapping[Kind, Callable[[AskedText], bool]]] = MappingProxyType(
    {
        Kind.EMAIL: lambda of: "@" in of.text or "dot" in of.lower or _TOP.search(of.text) is not None,
        Kind.URL: lambda of: "://" in of.text or of.dotted,
        Kind.SECRET: AskedText.may_hold_a_secret,
        Kind.HANDLE: lambda of: "@" in of.text,
        Kind.MAC: lambda of: _IN_MAC.search(of.text) is not None,
        Kind.IP: lambda of: (
            "::" in of.text
            or of.text.count(":") >= _IP_SIGNS
            or (of.digits and _IN_IP.search(of.text) is not None)
        ),
        Kind.NATIONAL_ID: lambda of: (
            of.digits and (_IN_NATIONAL_ID.search(of.text) is not None or of.has(*_NUMBERS))
        ),
        Kind.LICENCE: lambda of: (
            of.digits and (_IN_LICENCE.search(of.text) is not None or of.has(*_LICENCES))
        ),
        Kind.ADDRESS: lambda of: (
            of.digits and (_IN_ADDRESS.search(of.text) is not None or of.has(*_STREETS, *_BOXES))
        ),
        Kind.POSTCODE: lambda of: (
            (of.digits and _IN_POSTCODE.search(of.text) is not None) or of.has("zip", "post")
        ),
    }
)
