"""Job ids: a code of the queue, then a UUIDv7 (RFC 9562), so that an id finds its queue and sorts by time."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NewType

JobId = NewType("JobId", str)

#: Crockford's base 32, in lower case: sorts like the number, has no letter that looks like a digit.
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: All numbers of two digits.
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
#: A byte to the digit of its last five bits.
_DIGIT_OF: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
#: Two of the sixteen digits after the time are not all random: the version, 0111, leaves its digit one bit;
#: the variant, 10, stands between one bit and two.
_VERSION_AT: Final = 0
_VERSION_OF: Final = bytes(ord(_ALPHABET[0b01110 | byte & 1]) for byte in range(256))
_VARIANT_AT: Final = 3
_VARIANT_OF: Final = bytes(ord(_ALPHABET[(byte & 4) << 2 | 0b01000 | byte & 3]) for byte in range(256))
_TAIL_LENGTH: Final = 16
#: 128 bits in base 32.
_UUID_LENGTH: Final = 26
#: Ids for which random bytes are drawn at once.
_DRAWN_AT_ONCE: Final = 64

#: Codes of the platform's own queues. No code holds a dot, so that `q.NAME` can name any other queue.
_CODES: Final = {
    "ai_analysis": "ai",
    "data_processing": "data",
    "notifications": "note",
    "exports": "exp",
    "maintenance": "main",
}
_QUEUES: Final = {code: queue for queue, code in _CODES.items()}
_OTHER_QUEUE: Final = "q."
#: Random ends of ids, drawn together. A process that is forked draws its own.
_drawn: Final[list[str]] = []
os.register_at_fork(after_in_child=_drawn.clear)


def new_job_id(queue: str, *, now_ms: int | None = None, seed: str | None = None) -> JobId:
    """Return a new id for a job of `queue`; ids made later sort later, to the millisecond.

    With a `seed`, the same queue, time and seed give the same id.
    """
    made_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    code = _CODES.get(queue) or _OTHER_QUEUE + queue
    # 48 bits of time are ten digits, the 80 others sixteen: no digit spans both.
    tail = _random_tail() if seed is None else _seeded_tail(seed)
    return JobId(f"{code}-{_time_digits(made_ms)}{tail}")


def new_batch_id() -> str:
    """Return a new id for a batch; ids made later sort later, to the millisecond. It is no job id."""
    return f"batch-{_time_digits(time.time_ns() // 1_000_000)}{_random_tail()}"


def new_job_ids(queue: str) -> Iterator[JobId]:
    """Yield new ids for jobs of `queue` without end: for many of them this takes a sixth of the time."""
    code = _CODES.get(queue) or _OTHER_QUEUE + queue
    start, start_ms = "", -1
    while True:
        for tail in _random_tails(_DRAWN_AT_ONCE):
            made_ms = time.time_ns() // 1_000_000
            if made_ms != start_ms:
                start, start_ms = f"{code}-{_time_digits(made_ms)}", made_ms
            yield JobId(start + tail)


def _random_tail() -> str:
    while True:
        try:
            return _drawn.pop()
        except IndexError:  # perhaps because other threads were faster
            _drawn.extend(_random_tails(_DRAWN_AT_ONCE))


def _random_tails(count: int) -> list[str]:
    """Return what follows the time in so many ids, each digit of five bits of a random byte."""
    random = os.urandom(_TAIL_LENGTH * count)
    digits = bytearray(random.translate(_DIGIT_OF))
    digits[_VERSION_AT::_TAIL_LENGTH] = random[_VERSION_AT::_TAIL_LENGTH].translate(_VERSION_OF)
    digits[_VARIANT_AT::_TAIL_LENGTH] = random[_VARIANT_AT::_TAIL_LENGTH].translate(_VARIANT_OF)
    spelled = digits.decode()
    return [spelled[at : at + _TAIL_LENGTH] for at in range(0, len(spelled), _TAIL_LENGTH)]


def _seeded_tail(seed: str) -> str:
    entropy = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:10], "big")
    version_and_a = 0x7000 | (entropy >> 62) & 0xFFF
    variant_and_b = 0x8000000000000000 | entropy & 0x3FFFFFFFFFFFFFFF
    return _base32(version_and_a << 64 | variant_and_b, 16)


@lru_cache(maxsize=4)
def _time_digits(made_ms: int) -> str:
    return _base32(made_ms & 0xFFFFFFFFFFFF, 10)


def queue_of(job_id: str) -> str | None:
    """Return the queue that an id names, or None if it is no job id."""
    code, dash, uuid = job_id.rpartition("-")
    if not dash or len(uuid) != _UUID_LENGTH or not all(character in _ALPHABET for character in uuid):
        return None
    if code.startswith(_OTHER_QUEUE):
        return code.removeprefix(_OTHER_QUEUE) or None
    return _QUEUES.get(code)


def _base32(number: int, digits: int) -> str:
    """Spell a number with an even count of digits, two at a time."""
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(5 * (digits - 2), -1, -10)])
