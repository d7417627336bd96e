"""Flags turns that speak to a model instead of to people. A flag, and never a gate: it finds some, not all.

Looked for in the text as it is, and in what it hides: letters of other alphabets that look like Latin ones, letters
without width, digits for letters, base64, hexadecimal, rot13.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

_INSTRUCTIONS: Final = r"(?:instructions?|prompts?|rules?|guidelines?|directions?|messages?|commands?|context|training|polic(?:y|ies))"
_PATTERNS: Final = (
    rf"\b(?:ignore|disregard|forget|override|bypass|skip)\b[^.?!\n]{{0,40}}\b(?:previous|prior|above|earlier|preceding|all|your|the|these)\b"
    rf"[^.?!\n]{{0,20}}\b{_INSTRUCTIONS}\b",
    r"\b(?:system|developer|hidden|initial)\s+(?:prompt|message|instructions?)\b",
    r"\byou are (?:now |no longer )(?:an? |the |in )?[^.?!\n]{0,40}\b(?:ai|assistant|model|bot|gpt|judge|dan|mode|admin)\b",
    r"\bas an? (?:ai|language|large language) (?:model|judge|assistant)\b",
    r"\b(?:score|rate|grade|rank|mark|give)\s+(?:me|us|my|our|speaker|s\d)\b[^.?!\n]{0,40}\b(?:\d+|ten|five|top|highest|best|full|maximum|perfect)\b",
    r"\b(?:score|rate|grade|mark) (?:him|her|them|(?:my|the) opponent\w*|the other side)\b[^.?!\n]{0,40}\b(?:\d+|zero|one|lowest|worst|low)\b",
    r"\b(?:reveal|print|repeat|output|show|echo|list|leak|reply with)\b[^.?!\n]{0,40}\b(?:prompt|instructions|system message|placeholder|mapping|names behind|api key|secrets?)\b",
    r"\b(?:respond|reply|answer|output|return)\b[^.?!\n]{0,25}\b(?:only|exactly|nothing but|just)\b[^.?!\n]{0,25}\b(?:json|with|the word|yes|ok)\b",
    r"\b(?:end|begin|start|new) (?:of )?(?:system|transcript|instructions?|prompt|conversation|debate)\b",
    r"<\|?/?(?:im_start|im_end|system|assistant|user|endoftext|instructions?)\|?>|\[/?(?:inst|system)\]|###\s*(?:system|instruction|assistant)",
    r"\"?role\"?\s*:\s*\"?(?:system|developer|assistant)\"?",
    r"\b(?:jailbreak|prompt injection|developer mode|do anything now)\b",
    r"\b(?:ignoriere?|vergiss|missachte)\b[^.?!\n]{0,40}\b(?:anweisungen?|regeln|vorgaben|befehle)\b",
    r"\b(?:ignore[zr]?|oublie[zr]?)\b[^.?!\n]{0,40}\b(?:instructions|consignes|règles)\b",
    r"\b(?:ignora|olvida|ignore|esqueça|desconsidere)\b[^.?!\n]{0,40}\b(?:instrucciones|reglas|instruções|regras|istruzioni)\b",
    r"\b(?:dimentica|ignora)\b[^.?!\n]{0,40}\b(?:istruzioni|regole)\b",
    r"(?:игнорируй|забудь)[^.?!\n]{0,40}(?:инструкции|правила|указания)",
    r"忽略[^。\n]{0,20}(?:指令|指示|说明|规则|提示)|無視[^。\n]{0,20}|指示を無視|이전 지시|무시하(?:고|세요)",
    r"(?:تجاهل|انس)[^.?!\n]{0,40}(?:التعليمات|الأوامر)",
    r"\bgib mir\b[^.?!\n]{0,20}\b(?:10|zehn|volle|höchste)\b|\bdonne[zr]?-moi\b[^.?!\n]{0,20}\b(?:10|dix|maximum)\b",
)
#: For each pattern, what is in whatever it matches: looking for that first takes a tenth of the time.
_TRIGGERS: Final = (
    ("ignore", "disregard", "forget", "override", "bypass", "skip"),
    ("system", "developer", "hidden", "initial"),
    ("you are",),
    ("as a",),
    ("score", "rate ", "grade", "rank", "mark ", "give "),
    ("score", "rate ", "grade", "mark "),
    (
        "prompt",
        "instructions",
        "system message",
        "placeholder",
        "mapping",
        "names behind",
        "api key",
        "secret",
    ),
    ("json", "the word", " yes", " ok"),
    (" system", " transcript", " instruction", " prompt", " conversation", " debate"),
    ("<", "[", "###"),
    ("role",),
    ("jailbreak", "prompt injection", "developer mode", "do anything now"),
    ("anweisung", "regeln", "vorgaben", "befehle"),
    ("instructions", "consignes", "règles"),
    ("instrucciones", "reglas", "instruções", "regras", "istruzioni"),
    ("istruzioni", "regole"),
    ("игнорируй", "забудь"),
    ("忽略", "無視", "이전", "무시"),
    ("تجاهل", "انس"),
    ("gib mir", "donne"),
)
_Form: TypeAlias = tuple[tuple[str, ...], re.Pattern[str]]
_FORMS: Final[tuple[_Form, ...]] = tuple(
    (triggers, re.compile(pattern, re.IGNORECASE))
    for triggers, pattern in zip(_TRIGGERS, _PATTERNS, strict=True)
)
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
_ENCODED_MIN: Final = 16
_BASE64: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_ENCODED_MIN},}}={{0,2}}")
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}[\s:]?){12,}")
#: In whatever _HEX and _SPACED match, wherever a part of a text begins; found faster.
_PAIRS: Final = re.compile(r"[0-9a-fA-F]{2}[\s:]?[0-9a-fA-F]{2}[\s:]?(?:[0-9a-fA-F]{2}[\s:]?){10}")
_APART: Final = re.compile(r"[ .\-_][A-Za-z][ .\-_][A-Za-z][ .\-_]")
_SPACED: Final = re.compile(r"\b(?:[A-Za-z][ .\-_]){6,}[A-Za-z]\b")
#: More than this of a text is not decoded.
_DECODED_MAX: Final = 20_000


@dataclass(frozen=True, slots=True)
class Suspicion:
    """What a text has that an instruction cannot be without. Its parts have no more, and are asked no more."""

    forms: tuple[_Form, ...]
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


def _is_encoded(text: str) -> bool:
    return max(map(len, text.split()), default=0) >= _ENCODED_MIN and _BASE64.search(text) is not None


def _has(form: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: form.search(text) is not None


#: Of a text that nobody has looked at.
ANY: Final = Suspicion(
    _FORMS, (_is_unusual, _has(_MIXED), _is_rotated, _has(_APART), _is_encoded, _has(_PAIRS))
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
    return any(_instructs(reading, _FORMS) for reading in _readings(text))


def _instructs(reading: str, forms: tuple[_Form, ...]) -> bool:
    return any(form.search(reading) is not None for _, form in _triggered(forms, reading.lower()))


def _triggered(forms: tuple[_Form, ...], lower: str) -> tuple[_Form, ...]:
    """Return the forms that have a trigger in a text in small letters."""
    found: list[_Form] = []
    for form in forms:
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
    if _MIXED.search(plain):
        yield plain.translate(_LEET)
    lower = plain[:_DECODED_MAX].lower()
    if any(word in lower for word in _ROTATED):
        yield codecs.encode(lower, "rot13")
    if _SPACED.search(plain[:_DECODED_MAX]):
        yield _SPACED.sub(lambda match: re.sub(r"[ .\-_]", "", match.group()), plain[:_DECODED_MAX])
    for match in _BASE64.finditer(plain[:_DECODED_MAX]):
        yield from _decoded(match.group())
    for match in _HEX.finditer(plain[:_DECODED_MAX]):
        digits = re.sub(r"[\s:]", "", match.group())
        yield bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")


def _decoded(encoded: str) -> Iterator[str]:
    try:
        raw = base64.b64decode(
            encoded + "=" * (-len(encoded) % 4), altchars=b"-_" if "-" in encoded else None
        )
    except (binascii.Error, ValueError):
        return
    text = raw.decode("utf-8", "ignore")
    if len(text) > 8 and text.isprintable():
        yield text
