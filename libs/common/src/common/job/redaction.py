"""Masks personal data and secrets that follow a pattern, wherever they stand in a text.

It knows e-mail and IP addresses, phone and card numbers, IBANs, social security numbers, bearer and API
tokens, and credentials in URLs. It does not know names or prose: what is private without a pattern must not
be handed to it. Where a pattern is in doubt it masks.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from re import Match, Pattern
from typing import Final

#: Names of fields and of URL parameters whose values are secret whatever they look like.
_PRIVATE_NAME: Final = (
    r"(?:[a-z0-9_.-]*(?:token|secret|passw(?:or)?d|pwd|passphrase|signature|credential|api[_-]?key|access[_-]?key)"
    r"[a-z0-9_-]*|sig|key|code|auth|authorization|cookie|session(?:[_-]?id)?|x-amz-[a-z-]+)"
)
#: Card numbers begin with these digits (ISO/IEC 7812): travel, Visa, Mastercard, and the rest.
_CARD_STARTS: Final = "23456"
_CARD_LENGTHS: Final = range(13, 20)
_LOOKED_AT: Final = 5_000
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
#: What has none of this holds nothing that the rules below could find.
_SUSPECT: Final = re.compile(r"(?i)[@=:]|(?:\d\D*){7}|(?:\d+\.){3}\d|bearer|basic|[a-z0-9_-]{16}")


def is_secret_name(name: str) -> bool:
    """Say whether a value of this name is secret, such as "password" or "api_key"."""
    return re.fullmatch(_PRIVATE_NAME, name, re.IGNORECASE) is not None


def redacted(text: str) -> str:
    """Return `text` with each finding replaced by its kind in brackets, such as "[EMAIL]"."""
    if _SUSPECT.search(text) is None:
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def shown(text: str, length: int) -> str:
    """Return `text` fit to be shown: one line, masked, and at most `length` characters, up to 4,000."""
    # More is looked at than is kept, so that no cut halves what is masked.
    looked_at = text[:_LOOKED_AT].encode("utf-8", "replace").decode()
    masked = redacted(_CONTROL.sub(" ", looked_at))
    return masked if len(text) <= _LOOKED_AT and len(masked) <= length else masked[: length - 1] + "…"


def _url_parameter(found: Match[str]) -> str:
    name, value = found["name"], found["value"]
    opaque = len(value) >= 16 and re.search(r"\d", value) is not None
    return f"{name}=[TOKEN]" if opaque or is_secret_name(name[1:]) else found[0]


def _card(found: Match[str]) -> str:
    digits = re.sub(r"\D", "", found[0])
    return (
        "[CARD]" if digits[0] in _CARD_STARTS and len(digits) in _CARD_LENGTHS and _luhn(digits) else found[0]
    )


def _luhn(digits: str) -> bool:
    """Check a number as card issuers do (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


def _iban(found: Match[str]) -> str:
    """Check an account number as banks do (ISO 13616: modulo 97)."""
    account = found[0].replace(" ", "").upper()
    digits = "".join(str(int(character, 36)) for character in account[4:] + account[:4])
    return "[IBAN]" if 15 <= len(account) <= 34 and int(digits) % 97 == 1 else found[0]


def _ip(found: Match[str]) -> str:
    try:
        address = ipaddress.ip_address(found[0])
    except ValueError:
        return found[0]
    return found[0] if address.is_loopback or address.is_unspecified else "[IP]"


#: In this order: a token may hold an address, and an account number looks like a phone number.
_RULES: Final[tuple[tuple[Pattern[str], str | Callable[[Match[str]], str]], ...]] = (
    (re.compile(r"(?<=://)[^\s/@?#]+(?=@)"), "[CREDENTIALS]"),
    (re.compile(r"(?P<name>[?&;#][A-Za-z0-9_.\[\]-]{1,64})=(?P<value>[^\s&;#\"'<>]+)"), _url_parameter),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 [TOKEN]"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"), "[TOKEN]"),
    (
        re.compile(r"\b(?:sk|pk|rk|gh[a-z]|github_pat|xox[a-z]|glpat|AKIA|ASIA|AIza)[-_]?[A-Za-z0-9_-]{16,}"),
        "[TOKEN]",
    ),
    (
        re.compile(
            rf"(?i)(?<![A-Za-z0-9_.-])(?P<name>{_PRIVATE_NAME})(?P<is>\"?'?\s*[=:]\s*\"?'?)[^\s\"',;&\[]+"
        ),
        r"\g<name>\g<is>[TOKEN]",
    ),
    (re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@(?:[\w-]{1,63}\.)+[^\W\d_]{2,24}"), "[EMAIL]"),
    (re.compile(r"(?i)\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"), _iban),
    (re.compile(r"(?<![\w.+-])\d(?:[ -]?\d){12,18}(?![\w-])"), _card),
    (re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w]|\.\d)"), _ip),
    (re.compile(r"(?i)(?<![\w:])(?=[0-9a-f:]*::|(?:[0-9a-f]{1,4}:){7})[0-9a-f:]{2,39}(?![\w:])"), _ip),
    (re.compile(r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])"), "[SSN]"),
    # With a country code; with an area code in groups; with a trunk prefix.
    (re.compile(r"(?<![\w+])(?:\+|00)[1-9](?:[ ().\-/]{0,2}\d){6,14}(?!\w)"), "[PHONE]"),
    (re.compile(r"(?<![\w.-])(?:\(\d{2,5}\) ?|\d{3}[ .-])\d{3,4}[ .-]\d{3,4}(?![\w-]|\.\d)"), "[PHONE]"),
    (re.compile(r"(?<![\w.-])0\d{1,4}[ /-]\d{3,10}(?:[ -]\d{2,8}){0,3}(?![\w-])"), "[PHONE]"),
    (re.compile(r"(?<![\w.-])0[1-9]\d{7,10}(?![\w.-])"), "[PHONE]"),
)
