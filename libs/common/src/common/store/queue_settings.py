"""A queue's settings in the store: read and changed by name, all at once, and in force with the next fetch.

Fields of the hash, all text: paused ("1"), resume_at, draining ("1"), concurrency, worker_concurrency,
window ("count/ms"), depth, labels (apart by commas), retry_share, retry_least, ramp ("from|length|slots"),
keep:STATE ("count/ms", either may be missing), memory (bytes), revision, indexed:KEY (since when a label of
`labels` has an index, ms), and tenant:NAME ("weight|concurrency|count/ms") for each tenant with limits of its
own. `limited` says that there are such; passed_over and passed_over_at are what the last fetch wrote of ready
jobs that it could not start.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from common.job.limits import Keep, QueueSettings, Ramp, RetryBudget, TenantLimits, Window
from common.job.states import JobState
from common.store.jobs.arguments import now_argument
from common.store.keys import QueueKeys
from common.store.operation import Argument, Operation, Steps
from common.store.record import text_map
from common.store.scripts import script

#: What a retry budget spans.
BUDGET_MINUTES: Final = 2
#: Before the name of a tenant with limits of its own.
TENANT: Final = "tenant:"
#: Before the name of a final state whose jobs are kept otherwise than by default.
KEEP: Final = "keep:"


def describe(keys: QueueKeys) -> Operation[QueueSettings]:
    """Read the settings; those of a queue that nobody set are the defaults."""
    return Operation(script("configure"), keys.all(), ["", ""], lambda reply: settings_of(reply[1]))


def configure(
    keys: QueueKeys,
    changes: Mapping[str, str | None],
    *,
    revision: int | None = None,
    now_ms: int | None = None,
) -> Operation[QueueSettings | None]:
    """Set fields as they are spelled in the store, or remove those that are None.

    Args:
        revision: That the settings must have; the operation returns None if they have another.
    """
    arguments: list[Argument] = [now_argument(now_ms), "" if revision is None else revision]
    for name, value in changes.items():
        arguments += (name, "0", "") if value is None else (name, "1", value)

    def read(reply: list[Any]) -> QueueSettings | None:
        return settings_of(reply[1]) if reply[0] == 1 else None

    return Operation(script("configure"), keys.all(), arguments, read)


def default_retry_budget(keys: QueueKeys, budget: RetryBudget) -> Steps[None]:
    """Give a queue a retry budget, unless somebody has set one."""
    settings: QueueSettings = yield describe(keys)
    if settings.retry_share is None and settings.retry_least is None:
        share, least = f"{budget.ratio:g}", str(budget.min_per_minute * BUDGET_MINUTES)
        # Whoever changes it at the same time has the last word.
        yield configure(keys, {"retry_share": share, "retry_least": least}, revision=settings.revision)


def pause(
    keys: QueueKeys, *, resume_at_ms: int | None = None, now_ms: int | None = None
) -> Operation[QueueSettings | None]:
    """Let no job start, until resumed or until `resume_at_ms`. What runs goes on."""
    resume_at = None if resume_at_ms is None else str(resume_at_ms)
    return configure(keys, {"paused": "1", "resume_at": resume_at, "ramp": None}, now_ms=now_ms)


def resume(
    keys: QueueKeys, *, ramp_ms: int = 0, slots: int = 0, now_ms: int | None = None
) -> Operation[QueueSettings | None]:
    """Let jobs start again, and new ones come in; with a ramp, a few at first, `slots` at once at its end."""
    ramp = f"{ramp_ms}|{slots}" if ramp_ms > 0 and slots > 1 else None
    return configure(keys, {"paused": None, "resume_at": None, "draining": None, "ramp": ramp}, now_ms=now_ms)


def drain(keys: QueueKeys, *, now_ms: int | None = None) -> Operation[QueueSettings | None]:
    """Take no new jobs until resumed; let those that are there run."""
    return configure(keys, {"draining": "1"}, now_ms=now_ms)


def settings_of(flat: list[bytes]) -> QueueSettings:
    fields = text_map(flat)
    labels = fields.get("labels", "")
    tenants = {
        name.removeprefix(TENANT): tenant_limits_of(value)
        for name, value in fields.items()
        if name.startswith(TENANT)
    }
    return QueueSettings(
        paused=fields.get("paused") == "1",
        resume_at_ms=_whole(fields.get("resume_at")),
        draining=fields.get("draining") == "1",
        concurrency=_whole(fields.get("concurrency")),
        worker_concurrency=_whole(fields.get("worker_concurrency")),
        window=window_of(fields.get("window")),
        depth=_whole(fields.get("depth")),
        indexed_labels=tuple(labels.split(",")) if labels else (),
        tenants=MappingProxyType(tenants),
        ramp=_ramp_of(fields.get("ramp")),
        retry_share=float(fields["retry_share"]) if "retry_share" in fields else None,
        retry_least=_whole(fields.get("retry_least")),
        keep=MappingProxyType(
            {
                JobState(name.removeprefix(KEEP)): keep_of(value)
                for name, value in fields.items()
                if name.startswith(KEEP)
            }
        ),
        memory_bytes=_whole(fields.get("memory")),
        revision=int(fields.get("revision", 0)),
    )


def window_of(spelled: str | None) -> Window | None:
    if not spelled:
        return None
    count, _, period = spelled.partition("/")
    return Window(int(count), int(period))


def tenant_limits_of(spelled: str) -> TenantLimits:
    weight, concurrency, window = spelled.split("|")
    return TenantLimits(float(weight or 1), _whole(concurrency), window_of(window))


def keep_of(spelled: str) -> Keep:
    count, _, length = spelled.partition("/")
    return Keep(_whole(count), _whole(length))


def _ramp_of(spelled: str | None) -> Ramp | None:
    return Ramp(*map(int, spelled.split("|"))) if spelled else None


def _whole(value: str | None) -> int | None:
    return int(value) if value else None
