"""A queue on the wire: settings and gauges to `Queue`, and the changes that `UpdateQueueRequest` asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from bothsides.jobs import v1 as pb
from common.errors import InvalidField
from common.job.limits import QueueSettings, TenantLimits, Window
from common.store.queue_settings import BUDGET_MINUTES, TENANT
from common.store.stats import QueueStatistics
from scheduler.queues import QueueReport
from scheduler.wire.masks import key_in, masked
from scheduler.wire.retention import RETENTION_FIELDS, retention_changes, retention_to_pb
from scheduler.wire.times import duration_from_pb, duration_to_pb, instant_to_pb

_TENANTS: Final = "tenant_limits"
_RETENTION: Final = "retention"
CHANGEABLE: Final = (
    "concurrency",
    "worker_concurrency",
    "window",
    "max_depth",
    "indexed_labels",
    _TENANTS,
    "retry_budget",
    _RETENTION,
)
#: Changes by the name of a setting in the store; None removes it.
Changes = Mapping[str, str | None]


def queue_to_pb(report: QueueReport, *, tenant: str | None) -> pb.Queue:
    """Return a queue; with the limits of one tenant only, unless `tenant` is None."""
    settings, now_ms = report.settings, report.statistics.now_ms
    message = pb.Queue(
        name=report.name,
        state=_state(report),
        accepting=not settings.draining,
        indexed_labels=settings.indexed_labels,
        concurrency=settings.concurrency,
        worker_concurrency=settings.worker_concurrency,
        max_depth=settings.depth,
        window=window_to_pb(settings.window),
        tenant_limits={
            name: tenant_limits_to_pb(limits)
            for name, limits in settings.tenants.items()
            if tenant is None or name == tenant
        },
        gauges=_gauges(report.statistics),
        worker_count=report.worker_count,
        read_time=instant_to_pb(now_ms),
        etag=str(settings.revision),
    )
    if report.is_paused and settings.resume_at_ms is not None:
        message.resume_time.CopyFrom(instant_to_pb(settings.resume_at_ms))
    if settings.ramp is not None and settings.ramp.from_ms + settings.ramp.length_ms > now_ms:
        message.ramp_end_time.CopyFrom(instant_to_pb(settings.ramp.from_ms + settings.ramp.length_ms))
    if settings.retry_share is not None:
        message.retry_budget.ratio = settings.retry_share
    if settings.retry_least is not None:
        message.retry_budget.min_per_minute = settings.retry_least // BUDGET_MINUTES
    retention_to_pb(message, report)
    return message


def _state(report: QueueReport) -> pb.Queue.State.ValueType:
    if report.is_paused:
        return pb.Queue.PAUSED
    if not report.settings.draining:
        return pb.Queue.ACTIVE
    return pb.Queue.DRAINED if report.is_empty else pb.Queue.DRAINING


def _gauges(statistics: QueueStatistics) -> pb.Queue.Gauges:
    gauges = pb.Queue.Gauges(
        scheduled=statistics.scheduled,
        pending=statistics.ready,
        running=statistics.leased,
        retrying=statistics.retrying,
    )
    if statistics.oldest_ready_ms is not None:
        age_ms = max(0, statistics.now_ms - statistics.oldest_ready_ms)
        gauges.oldest_pending_age.CopyFrom(duration_to_pb(age_ms))
    return gauges


def window_to_pb(window: Window | None) -> pb.StartWindow | None:
    if window is None:
        return None
    return pb.StartWindow(max_starts=window.count, period=duration_to_pb(window.period_ms))


def tenant_limits_to_pb(limits: TenantLimits) -> pb.TenantLimits:
    return pb.TenantLimits(
        weight=limits.weight, concurrency=limits.concurrency, window=window_to_pb(limits.window)
    )


def queue_name_of(request: pb.UpdateQueueRequest) -> str:
    """Return the name of the queue to change.

    Raises:
        InvalidField: It has none.
    """
    if not request.queue.name:
        raise InvalidField("queue.name", "must name the queue")
    return request.queue.name


def changes_from_pb(request: pb.UpdateQueueRequest, held: QueueSettings) -> Changes:
    """Return the changes to settings that are `held` now; `request` has passed validation.

    Raises:
        InvalidField: The mask names what cannot be changed, or a window is finer than a millisecond.
    """
    queue = request.queue
    changes: dict[str, str | None] = {}
    for path in masked(request.update_mask, queue, CHANGEABLE, maps=(_TENANTS, _RETENTION)):
        match path:
            case "concurrency" | "worker_concurrency":
                changes[path] = str(getattr(queue, path)) if queue.HasField(path) else None
            case "max_depth":
                changes["depth"] = str(queue.max_depth) if queue.HasField("max_depth") else None
            case "indexed_labels":
                changes["labels"] = ",".join(queue.indexed_labels) or None
            case "window":
                changes["window"] = (
                    _window(queue.window, "queue.window") if queue.HasField("window") else None
                )
            case "retry_budget":
                changes |= _retry_budget(queue.retry_budget)
            case "retention":
                changes |= retention_changes(queue.retention, RETENTION_FIELDS)
            case _ if path.startswith(f"{_RETENTION}."):
                changes |= retention_changes(queue.retention, [key_in(path) or ""])
            case "tenant_limits":
                changes |= {TENANT + name: None for name in held.tenants}
                changes |= {TENANT + name: _tenant_limits(queue, name) for name in queue.tenant_limits}
            case _:
                name = key_in(path) or ""
                _check_whole(name, {*queue.tenant_limits, *held.tenants})
                changes[TENANT + name] = _tenant_limits(queue, name) if name in queue.tenant_limits else None
    return changes


def _check_whole(name: str, tenants: Collection[str]) -> None:
    """Refuse a path into a tenant's limits, which reads as the name of a tenant that has none."""
    tenant, _, within = name.rpartition(".")
    if name not in tenants and within in pb.TenantLimits.DESCRIPTOR.fields_by_name:
        raise InvalidField(
            "update_mask",
            f'"{_TENANTS}.{name}" names a part: name {_TENANTS}.{tenant}, and send its limits whole',
        )


def _retry_budget(budget: pb.RetryBudget) -> Changes:
    least = str(budget.min_per_minute * BUDGET_MINUTES) if budget.min_per_minute else None
    return {"retry_share": f"{budget.ratio:g}" if budget.ratio else None, "retry_least": least}


def _tenant_limits(queue: pb.Queue, name: str) -> str:
    limits = queue.tenant_limits[name]
    field = f'queue.tenant_limits["{name}"].window'
    return str(
        TenantLimits(
            weight=limits.weight if limits.HasField("weight") else 1.0,
            concurrency=limits.concurrency if limits.HasField("concurrency") else None,
            window=_window_from_pb(limits.window, field) if limits.HasField("window") else None,
        )
    )


def _window(window: pb.StartWindow, field: str) -> str:
    return str(_window_from_pb(window, field))


def _window_from_pb(window: pb.StartWindow, field: str) -> Window:
    if window.period.nanos % 1_000_000:
        raise InvalidField(f"{field}.period", "must be whole milliseconds")
    return Window(window.max_starts, duration_from_pb(window.period, f"{field}.period"))
