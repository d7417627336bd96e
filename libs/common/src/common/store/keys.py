"""Every key name, one function each. All keys of a queue share one hash tag, hence one slot.

{NS:QUEUE}:config      hash    paused, depth and other settings of the queue
{NS:QUEUE}:tenants     zset    tenants with ready jobs, by virtual time (fair share)
{NS:QUEUE}:scheduled   zset    jobs by the time (ms) they may start: SCHEDULED, snoozed PENDING
{NS:QUEUE}:retrying    zset    RETRYING jobs by the time (ms) of their next attempt
{NS:QUEUE}:leases      zset    "id/attempt" of leased jobs by expiry (ms); the member is the fence
{NS:QUEUE}:cancelling  set     "id/attempt" of leased jobs that were asked to stop
{NS:QUEUE}:events      stream  packed events, see events.py
{NS:QUEUE}:counters    hash    totals since the queue began; gauge "ready"; "vtime"
{NS:QUEUE}:clock       string  the latest time (ms) seen, so that time never runs backwards
{NS:QUEUE}:wake        list    tokens that wake waiting consumers
{NS:QUEUE}:jobs        zset    every id, score 0, for lists in the order of ids
{NS:QUEUE}:ready:TENANT    zset    PENDING jobs by virtual deadline (ms)
{NS:QUEUE}:done:STATE      zset    final jobs by end time (ms), for retention
{NS:QUEUE}:minute:N        hash    counts and histograms of minute N since 1970; expires
{NS:QUEUE}:job:ID          hash    the record, see record.py
{NS:QUEUE}:payload:ID      string  the encoded Dramatiq message
{NS:QUEUE}:result:ID       hash    media, data
{NS:QUEUE}:parts:ID        hash    part name -> attempt, time, media type and data
{NS:QUEUE}:logs:ID         list    the job's own log, newest last, see jobs/logs.py
{NS:QUEUE}:checkpoint:ID   string  what an attempt left for the next one
{NS:QUEUE}:request:TENANT:ID   string  job id and digest of a request id; expires
{NS:QUEUE}:fetched:CONSUMER    string  the last fetch of a consumer, to repeat its reply; expires
{NS}:queues            set     names of all queues
{NS}:deployment        hash    seal (key of page tokens), epoch (what resume tokens are good for)
{NS:workers}:seen      zset    worker ids by their last report (ms)
{NS:workers}:worker:ID string  the report; expires
{NS:KIND:TENANT}:index     zset    ids of kept documents by update time (ms)
{NS:KIND:TENANT}:item:ID   hash    body and its description, see documents.py
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property


@dataclass(frozen=True)
class QueueKeys:
    """The keys of one queue."""

    namespace: str
    queue: str

    @cached_property
    def prefix(self) -> str:
        return f"{{{self.namespace}:{self.queue}}}:"

    def all(self) -> tuple[str, ...]:
        """Return KEYS for every script of a queue, in the order that lua/queue.lua names them."""
        return self._all

    @cached_property
    def _all(self) -> tuple[str, ...]:
        prefix = self.prefix
        return (
            f"{prefix}config",
            f"{prefix}tenants",
            f"{prefix}scheduled",
            f"{prefix}retrying",
            f"{prefix}leases",
            f"{prefix}cancelling",
            f"{prefix}events",
            f"{prefix}counters",
            f"{prefix}clock",
            f"{prefix}wake",
            f"{prefix}jobs",
            prefix,
        )

    @property
    def events(self) -> str:
        return f"{self.prefix}events"

    @property
    def wake(self) -> str:
        return f"{self.prefix}wake"

    @property
    def config(self) -> str:
        return f"{self.prefix}config"

    def job(self, job_id: str) -> str:
        return f"{self.prefix}job:{job_id}"

    def logs(self, job_id: str) -> str:
        return f"{self.prefix}logs:{job_id}"

    def checkpoint(self, job_id: str) -> str:
        return f"{self.prefix}checkpoint:{job_id}"

    @property
    def cancel_channel(self) -> str:
        """The pub/sub channel on which `cancel` names leased jobs."""
        return f"{self.prefix}cancel"


@cache
def queue_keys(namespace: str, queue: str) -> QueueKeys:
    """Return the keys of a queue; the same object each time."""
    return QueueKeys(namespace, queue)


def queues(namespace: str) -> str:
    return f"{{{namespace}}}:queues"


def deployment(namespace: str) -> str:
    return f"{{{namespace}}}:deployment"


def workers(namespace: str) -> tuple[str, str]:
    """Return the index of workers and the prefix of their reports."""
    return f"{{{namespace}:workers}}:seen", f"{{{namespace}:workers}}:worker:"


def documents(namespace: str, kind: str, tenant: str) -> tuple[str, str]:
    """Return the index and the item prefix of one tenant's documents of a kind."""
    tag = f"{{{namespace}:{kind}:{tenant}}}"
    return f"{tag}:index", f"{tag}:item:"
