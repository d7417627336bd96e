"""Estimates of the parts of requests, of which the latest are remembered: requests have parts in common."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from common.provider.tokens import estimate_tokens

#: The digest of a part, and its tokens.
Estimate: TypeAlias = tuple[bytes, int]
#: Of all jobs under way: some 100 bytes each.
_REMEMBERED: Final = 4_096
#: By digest: what people said is not held on to.
_estimates: Final[OrderedDict[bytes, int]] = OrderedDict()


def canonical(value: Any) -> str:
    """Return a value as JSON, of which there is one for equal values."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def estimated(part: str) -> int:
    """Return the estimate of a part of a request's canonical JSON."""
    return _estimate(part)[1]


def estimate_of(content: str) -> Estimate:
    """Return the estimate of a message's content, to be known where the request is made."""
    return _estimate(canonical(content))


def know(estimates: Iterable[Estimate]) -> None:
    """Remember what was estimated in another process."""
    for digest, tokens in estimates:
        _remember(digest, tokens)


def _estimate(part: str) -> Estimate:
    digest = hashlib.sha256(part.encode()).digest()
    known = _estimates.pop(digest, None)
    return _remember(digest, estimate_tokens(part) if known is None else known)


def _remember(digest: bytes, tokens: int) -> Estimate:
    _estimates[digest] = tokens
    if len(_estimates) > _REMEMBERED:
        _estimates.popitem(last=False)
    return digest, tokens
