"""From a file or bytes to a conversation: size, encoding, format, and the name it gets."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

from bothsides.jobs import v1 as pb
from bothsides_client.errors import TranscriptError
from bothsides_client.transcripts.cues import read_srt, read_webvtt
from bothsides_client.transcripts.draft import Draft, build
from bothsides_client.transcripts.json_format import read_json
from bothsides_client.transcripts.plain import read_plain
from bothsides_client.transcripts.sniff import FORMATS, sniff
from bothsides_client.transcripts.speakers import draft_of_speeches, slug

#: Largest file that is read; the server takes no larger conversation either.
MAX_BYTES: Final = 8 * 1024 * 1024
#: Hexadecimal digits of the content's SHA-256 in a default conversation id: files of one name stay apart.
_HASH_DIGITS: Final = 8


def read_transcript(
    source: str | os.PathLike[str] | bytes,
    format: str | None = None,  # noqa: A002 - what it is called
    *,
    name: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> pb.Conversation:
    """Return the conversation in a file, or in bytes.

    Args:
        source: Path of the file, or its content.
        format: One of `FORMATS`; by default it is told from the file's name and beginning.
        name: What to call the source in errors and in the default id; by default the path.
        max_bytes: Most bytes to read.

    Raises:
        TranscriptError: It cannot be read, or is no transcript; the message says where and the way out.
    """
    if isinstance(source, bytes):
        path, content = name or "transcript", source
    else:
        path = name or os.fspath(source)
        content = _read(Path(source), path, max_bytes)
    if len(content) > max_bytes:
        raise TranscriptError(
            path, 0, f"is larger than {max_bytes / 1024**2:g} MiB, the most that is taken: split the debate"
        )
    text = _decode(content, path)
    if not text.strip():
        raise TranscriptError(path, 0, 'is empty: a transcript holds lines such as "Name: what they said"')
    default_id = f"{_stem(path)}-{hashlib.sha256(content).hexdigest()[:_HASH_DIGITS]}"
    return build(_draft(text, path, format), path=path, default_id=default_id)


def _draft(text: str, path: str, wanted: str | None) -> Draft:
    if wanted is not None and wanted not in FORMATS:
        raise TranscriptError(path, 0, f"the format must be one of {', '.join(FORMATS)}")
    match wanted or sniff(text, path):
        case "json":
            return read_json(text, path)
        case "vtt":
            return draft_of_speeches(*read_webvtt(text, path))
        case "srt":
            return draft_of_speeches(*read_srt(text, path))
        case _:
            return draft_of_speeches(*read_plain(text, path))


def _read(file: Path, path: str, max_bytes: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(max_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a path with a NUL
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TranscriptError(path, 0, f"cannot be read: {reason}") from error


def _decode(content: bytes, path: str) -> str:
    """Return the text with "\\n" for every line end, without a byte order mark."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise TranscriptError(path, 1, "is UTF-16: save it as UTF-8")
    if content[:4] in (b"%PDF", b"PK\x03\x04"):
        raise TranscriptError(path, 1, "is a PDF or office document: export it as plain text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TranscriptError(
            path, line, f"byte {error.start} (counted from 0) is not UTF-8: save the file as UTF-8"
        ) from None  # the cause carries the text
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _stem(path: str) -> str:
    """Return the file's name as the beginning of an id: at most 80 letters, digits and dashes."""
    return slug(Path(path).stem)[:80].strip("-") or "transcript"
