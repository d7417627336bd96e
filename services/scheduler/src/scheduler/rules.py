"""What a new job must satisfy beyond the declared rules of its message: bounds that depend on each other, and
that of its size.
"""

from __future__ import annotations

from common.errors import InvalidField, InvalidFields
from common.job.model import JobRequest
from common.store.packing import MESSAGE_BYTES, size_refusal


def check(request: JobRequest, now_ms: int) -> None:
    """Refuse a job that could never do what was asked.

    Raises:
        InvalidFields: Names every field that contradicts another, as the request spells it.
    """
    violations: list[tuple[str, str]] = []
    start_ms = now_ms if request.run_at_ms is None else max(now_ms, request.run_at_ms)
    if request.expire_ms is not None and request.expire_ms <= (request.run_at_ms or 0):
        violations.append(("job.expire_time", "must be later than job.schedule_time, or it never starts"))
    if request.ttl_ms is not None and now_ms + request.ttl_ms <= start_ms:
        violations.append(("job.ttl", "must reach beyond job.schedule_time, or the job never starts"))
    if request.retry.min_backoff_ms > request.retry.max_backoff_ms:
        violations.append(
            ("job.retry_policy.min_backoff", "must not be longer than job.retry_policy.max_backoff")
        )
    if len(request.payload) > MESSAGE_BYTES:
        violations.append(("job.spec", size_refusal(request.payload)))
    if len(violations) == 1:
        raise InvalidField(*violations[0])
    if violations:
        raise InvalidFields(violations)
