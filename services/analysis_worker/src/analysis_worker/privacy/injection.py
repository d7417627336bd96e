"""Flags turns that speak to a model instead of to people. A flag, and never a gate: it finds some, not all.

Looked for in the text as it is, and in what it hides: letters of other alphabets that look like Latin ones, letters
without width, tags that nobody sees, accents, digits for letters, words on lines of their own or written backwards,
base64 (twice), base32, hexadecimal, binary, rot13, and the tags and escapes of links, HTML, JSON and programs.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from analysis_worker.privacy.instructions import ABROAD, FORMS, Form

#: Letters of other alphabets that pass for Latin ones.
_LOOKALIKES: Final = str.maketrans(
    "аеорсухіјѕԁɡһӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧοανιρυκτх", "aeopcyxijsdghlABEZHIKMNOPTYXoavipuktx"
)
#: Anything but Latin letters and the usual punctuation.
_UNUSUAL: Final = re.compile(r"[^\x00-\x7f\u00a1-\u00ac\u00ae-\u024f\u2010-\u2027\u2032-\u203a€]")
_LEET: Final = str.maketrans("013457@$", "oieastas")
#: A sign or digit next to a letter.
_MIXED: Final = re.compile(r"[013457@$](?:(?<=[a-zA-Z].)|(?=[a-zA-Z]))", re.DOTALL)
#: What instructions hold, in rot13.
_ROTATED: Final = tuple(
    codecs.encode(word, "rot13")
    for word in (
        "ignore",
        "disregard",
        "forget",
        "override",
        "instruction",
        "prompt",
        "system",
        "score",
        "rate ",
    )
)
#: What instructions hold, backwards.
_BACKWARDS: Final = ("erongi", "dragersid", "tegrof", "noitcurtsni", "tpmorp", "metsys", "erocs")
#: So many accents hide something, or belong to another language.
_ACCENTS_MIN: Final = 6
_ACCENT: Final = re.compile("[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u017f]")
_MARKUP: Final = re.compile(r"</?[A-Za-z][^<>]{0,20}>")
_ENCODED_MIN: Final = 16
_BASE32: Final = re.compile(rf"[A-Z2-7]{{{_ENCODED_MIN},}}")
_BINARY: Final = re.compile(r"(?:[01]{8} ?){8,}")
_BASE64: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_ENCODED_MIN},}}={{0,2}}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){12,}")
#: In whatever _HEX and _SPACED match, wherever a part of a text begins; found faster.
_PAIRS: Final = re.compile(r"[0-9a-fA-F]{2}[\s:]?[0-9a-fA-F]{2}[\s:]?(?:[0-9a-fA-F]{2}[\s:]?){10}")
_APART: Final = re.compile(r"[ .\-_][A-Za-z][ .\-_][A-Za-z][ .\-_]")
_SPACED: Final = re.compile(r"\b(?:[A-Za-z][ .\-_]){6,}[A-Za-z]\b")
_WIDE: Final = re.compile(r" {2,}")
_LINE: Final = re.compile(r"\s*\n\s*")
#: Letters as tags: they are seen by nobody, and read by models.
_TAG: Final = re.compile("[\U000e0020-\U000e007e]")
_ESCAPE: Final = re.compile(
    r"%[0-9a-fA-F]{2}|&(?:#\d{2,6}|#x[0-9a-fA-F]{2,5}|[a-zA-Z]{2,8});|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|U000[0-9a-fA-F]{5}|[01][0-7]{2})|\bU\+[0-9a-fA-F]{4}"
)
_CODED: Final = re.compile(
    r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U000([0-9a-fA-F]{5}))|\bU\+([0-9a-fA-F]{4}) ?"
)
_OCTAL: Final = re.compile(r"\\([01][0-7]{2})")
#: More than this of a text is not decoded.
_DECODED_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a text has that an instruction cannot be without. Its parts have no more, and are asked no more."""

    forms: tuple[Form, ...]
    #: What it may have that hides something: without any, it has no reading but itself.
    hides: tuple[Callable[[str], bool], ...]

    def of(self, text: str) -> Suspicion:
        """Return what is left of it for a part, or for a text that is no more than its parts."""
        if not self.forms and not self.hides:
            return self
        forms = _triggered(self.forms, text.lower())
        return Suspicion(forms, tuple(may_hide for may_hide in self.hides if may_hide(text)))


def _is_unusual(text: str) -> bool:
    return not text.isascii() and _UNUSUAL.search(text) is not None


def _is_rotated(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in _ROTATED)


def _is_backwards(text: str) -> bool:
    lower = text.lower()
    return any(word in lower for word in _BACKWARDS)


def _is_accented(text: str) -> bool:
    return not text.isascii() and len(_ACCENT.findall(text)) >= _ACCENTS_MIN


def _is_escaped(text: str) -> bool:
    some = "%" in text or "&" in text or "\\" in text or "U+" in text
    return some and _ESCAPE.search(text) is not None


def _is_binary(text: str) -> bool:
    return " 01" in text and _BINARY.search(text) is not None


def _is_encoded(text: str) -> bool:
    return max(map(len, text.split()), default=0) >= _ENCODED_MIN and _BASE64.search(text) is not None


def _has(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: form.search(text) is not None


#: Of a text that nobody has looked at.
ANY: Final = Suspicion(
    FORMS,
    (
        _is_unusual,
        _has(_MIXED),
        _is_rotated,
        _is_backwards,
        _is_accented,
        _is_binary,
        _has(_APART),
        _is_encoded,
        _has(_PAIRS),
        lambda text: "\n" in text,
        lambda text: "<" in text and _MARKUP.search(text) is not None,
        _is_escaped,
    ),
)


def speaks_to_a_model(text: str, suspicion: Suspicion = ANY) -> bool:
    """Say whether a text, or what it hides, has the form of an instruction to a model.

    Args:
        suspicion: That of a text of which it is a part.
    """
    if suspicion.forms and _instructs(text, suspicion.forms):
        return True
    if not any(may_hide(text) for may_hide in suspicion.hides):
        return False
    return any(_instructs(reading, FORMS) for reading in _readings(text))


def _instructs(reading: str, forms: tuple[Form, ...]) -> bool:
    return any(form.search(reading) is not None for _, form, _ in _triggered(forms, reading.lower()))


def _triggered(forms: tuple[Form, ...], lower: str) -> tuple[Form, ...]:
    """Return the forms that have a trigger in a text in small letters."""
    found: list[Form] = []
    is_abroad = not lower.isascii() and ABROAD.search(lower) is not None
    for form in forms:
        if form[2] and not is_abroad:
            continue
        for trigger in form[0]:
            if trigger in lower:
                found.append(form)
                break
    return tuple(found)


def _readings(text: str) -> Iterator[str]:
    """Yield what a text may say besides what it says."""
    plain = text
    if _UNUSUAL.search(text):
        plain = "".join(
            letter
            for letter in unicodedata.normalize("NFKC", text)
            if unicodedata.category(letter) not in ("Cf", "Mn")
        ).translate(_LOOKALIKES)
        yield plain
        yield "".join(chr(ord(letter) - 0xE0000) for letter in _TAG.findall(text))
    if "\n" in plain:
        plain = _LINE.sub(" ", plain)
        yield plain
    if _is_escaped(plain[:_DECODED_MAX]):
        yield _unescaped(plain[:_DECODED_MAX])
    if "<" in plain:
        yield _MARKUP.sub("", plain)
    if _is_accented(plain):
        yield "".join(
            letter for letter in unicodedata.normalize("NFKD", plain) if unicodedata.category(letter) != "Mn"
        )
    if _MIXED.search(plain):
        yield plain.translate(_LEET)
    lower = plain[:_DECODED_MAX].lower()
    if any(word in lower for word in _ROTATED):
        yield codecs.encode(lower, "rot13")
    if _is_backwards(lower):
        yield lower[::-1]
        yield " ".join(word[::-1] for word in lower.split())
    if _APART.search(plain[:_DECODED_MAX]):
        yield _WIDE.sub("\t", plain[:_DECODED_MAX]).replace(" ", "").replace("\t", " ")
    if _SPACED.search(plain[:_DECODED_MAX]):
        yield _SPACED.sub(lambda match: re.sub(r"[ .\-_]", "", match.group()), plain[:_DECODED_MAX])
    for match in _BASE64.finditer(plain[:_DECODED_MAX]):
        yield from _decoded(match.group())
    for match in _BASE32.finditer(plain[:_DECODED_MAX]):
        yield from _decoded32(match.group())
    for match in _BINARY.finditer(plain[:_DECODED_MAX]):
        bits = match.group().replace(" ", "")
        yield bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)).decode("utf-8", "ignore")
    for match in _HEX.finditer(plain[:_DECODED_MAX]):
        digits = re.sub(r"[\s:]", "", match.group())
        yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")


def _unescaped(text: str) -> str:
    """Return what the escapes of JSON, HTML, links and programs in a text stand for."""
    text = _CODED.sub(lambda match: chr(int("".join(filter(None, match.groups())), 16)), text)
    text = _OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
    return urllib.parse.unquote(html.unescape(text), errors="ignore")


def _decoded(encoded: str, *, again: bool = True) -> Iterator[str]:
    try:
        raw = base64.b64decode(
            encoded + "=" * (-len(encoded) % 4), altchars=b"-_" if "-" in encoded else None
        )
    except (binascii.Error, ValueError):
        return
    # Of two bytes a letter, one is nothing.
    text = raw.replace(b"\0", b"").decode("utf-8", "ignore")
    if len(text) > 8 and text.isprintable():
        yield text
        if again and _BASE64.fullmatch(text):
            yield from _decoded(text, again=False)


def _decoded32(encoded: str) -> Iterator[str]:
    whole = encoded[: len(encoded) // 8 * 8]
    text = base64.b32decode(whole).decode("utf-8", "ignore")
    if len(text) > 8 and text.isprintable():
        yield text
