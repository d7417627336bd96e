"""Flags turns that speak to a model instead of to people. A flag, and never a gate: it finds some, not all.

Looked for in the text as it is, and in what it hides: letters of other alphabets that look like Latin ones, letters
without width, tags that nobody sees, digits for letters, words on lines of their own, base64, hexadecimal, rot13, and
the escapes of links, HTML and JSON.
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
    r"(?:忽略|无视|忽视|忘记|不要理会)[^。\n]{0,20}(?:指令|指示|说明|规则|提示)|(?:指示|命令|ルール|規則|プロンプト)[^。\n]{0,15}(?:無視|忘れ)",
    r"(?:지시|명령|규칙|프롬프트)[^.?!\n]{0,20}(?:무시|잊)|이전 지시",
    r"(?:تجاهل|انس)[^.?!\n]{0,40}(?:التعليمات|الأوامر)",
    r"\b(?:negeer|vergeet)\b[^.?!\n]{0,40}\b(?:instructies?|regels|aanwijzingen)\b",
    r"\b(?:zignoruj|ignoruj|zapomnij)\b[^.?!\n]{0,40}\b(?:instrukcj|polece|zasad)",
    r"(?:ігноруй|забудь)[^.?!\n]{0,40}(?:інструкці|правила|вказівк)",
    r"\b(?:ignorera?|glöm|glem)\b[^.?!\n]{0,40}\b(?:instru[kc]\w+|regler\w*|anvisning\w*)",
    r"\b(?:talimat|yönerge|kural)\w*[^.?!\n]{0,30}\b(?:yok ?say|unut|görmezden gel|dikkate alma)",
    r"\b(?:abaikan|lupakan)\b[^.?!\n]{0,40}\b(?:instruksi|perintah|arahan|aturan)\b",
    r"bỏ qua[^.?!\n]{0,40}(?:hướng dẫn|chỉ dẫn|quy tắc)|निर्देश[^।?!\n]{0,40}(?:अनदेखा|नज़रअंदाज़)|התעלם[^.?!\n]{0,40}(?:הוראות|הנחיות|ההוראות)",
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
    ("忽略", "无视", "忽视", "忘记", "不要理会", "無視", "忘れ"),
    ("지시", "명령", "규칙", "프롬프트"),
    ("تجاهل", "انس"),
    ("instructie", "regels", "aanwijzing"),
    ("instrukcj", "polece", "zasad"),
    ("ігноруй", "забудь"),
    ("ignorer", "glöm", "glem"),
    ("talimat", "yönerge", "kural"),
    ("abaikan", "lupakan"),
    ("bỏ qua", "निर्देश", "התעלם"),
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
_LINE: Final = re.compile(r"\s*\n\s*")
#: Letters as tags: they are seen by nobody, and read by models.
_TAG: Final = re.compile("[\U000e0020-\U000e007e]")
_ESCAPE: Final = re.compile(
    r"%[0-9a-fA-F]{2}|&(?:#\d{2,6}|#x[0-9a-fA-F]{2,5}|[a-zA-Z]{2,8});|\\(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2})"
)
_CODED: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2}))")
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
    _FORMS,
    (
        _is_unusual,
        _has(_MIXED),
        _is_rotated,
        _has(_APART),
        _is_encoded,
        _has(_PAIRS),
        lambda text: "\n" in text,
        _has(_ESCAPE),
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
        yield "".join(chr(ord(letter) - 0xE0000) for letter in _TAG.findall(text))
    if "\n" in plain:
        plain = _LINE.sub(" ", plain)
        yield plain
    if _ESCAPE.search(plain[:_DECODED_MAX]):
        yield _unescaped(plain[:_DECODED_MAX])
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


def _unescaped(text: str) -> str:
    """Return what the escapes of JSON, HTML and links in a text stand for."""
    text = _CODED.sub(lambda match: chr(int(match[1] or match[2], 16)), text)
    return urllib.parse.unquote(html.unescape(text), errors="ignore")


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
